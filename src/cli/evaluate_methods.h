// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_cases.h"
#include "cli/evaluate_options.h"
#include "sap/cli/app.h"

namespace sap::cli {

// One method's predictions beside the references, tuning cases left out.
struct MethodPairs {
  std::string name;
  std::string prediction_dir;
  std::vector<CasePair> pairs;
  std::vector<CasePair> tuning_pairs;
  bool tuning_held_out = false;                 // no model that scored them trained on them
  std::vector<int> fold_of_case;                // as pairs; empty when unknown
  std::optional<eval::ThresholdChoice> tuning;  // where tuning cases chose its threshold
};

// Whether a method may be called so: its name becomes a folder, a column and part of a file name.
bool IsMethodName(const std::string& name);

// prediction_dir alone, or each of `methods`. Throws kOption for a method that is not name=folder,
// a name that is no file name or stands twice, and a gallery_method that is none of them; kInput
// when no case is left or a method lacks one.
std::vector<MethodPairs> FindMethods(const EvaluateOptions& options);

// Evaluates every method, compares them, and writes all files of output_dir. Sets each method's
// `tuning` where it has tuning cases. Returns what was found, by method.
std::vector<eval::LesionSummary> EvaluateLesionMethods(const EvaluateOptions& options,
                                                       std::vector<MethodPairs>& methods,
                                                       const nlohmann::json& record,
                                                       const AppContext& context);

}  // namespace sap::cli
