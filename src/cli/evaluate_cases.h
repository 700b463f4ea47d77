// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
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
  eval::GtInstances gt_instances = eval::GtInstances::kComponents;
  std::optional<std::filesystem::path> instances = {};  // else the reference's own labels
};

// `stem` with .nii.gz or .nii, whichever exists.
std::optional<std::filesystem::path> FindVolume(const std::filesystem::path& stem);

// The prediction of one case below `folder`, without its reference.
std::optional<CasePair> FindPrediction(const EvaluateOptions& options,
                                       const std::filesystem::path& folder,
                                       const std::string& id);

// Pairs of `ids`, or of every case of prediction_dir when `ids` is empty, sorted by id. Throws
// one kInput or kGeometry error that lists every missing file, every case that stands twice and
// every grid that differs.
std::vector<CasePair> FindPairs(const EvaluateOptions& options,
                                const std::filesystem::path& prediction_dir,
                                const std::vector<std::string>& ids);

// Images of a case to look at, in the order of image_names; those that are absent are left out.
std::vector<std::filesystem::path> FindImages(const EvaluateOptions& options,
                                              const std::string& id);

// Throws kInput when an instance map does not mark the reference's voxels.
eval::CaseInput LoadLesionCase(const CasePair& pair);
eval::LabelPair LoadSkeletonCase(const CasePair& pair, bool majority_vote);

}  // namespace sap::cli
