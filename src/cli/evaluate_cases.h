// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/evaluate_options.h"
#include "sap/eval/detection.h"
#include "sap/eval/skeleton.h"

namespace sap::cli {

// Files of one case that an evaluation compares.
struct CasePair {
  std::string id;
  std::filesystem::path reference;
  std::filesystem::path prediction;
  bool is_probability = true;  // otherwise a label map
};

// Pairs of `ids`, or of every case of prediction_dir when `ids` is empty, sorted by id. Throws
// one kInput or kGeometry error that lists every missing file and every grid that differs.
std::vector<CasePair> FindPairs(const EvaluateOptions& options,
                                const std::filesystem::path& prediction_dir,
                                const std::vector<std::string>& ids);

// Images of a case to look at, in the order of image_names; those that are absent are left out.
std::vector<std::filesystem::path> FindImages(const EvaluateOptions& options,
                                              const std::string& id);

eval::CaseInput LoadLesionCase(const CasePair& pair);
eval::LabelPair LoadSkeletonCase(const CasePair& pair, bool majority_vote);

}  // namespace sap::cli
