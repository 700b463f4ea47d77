// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_methods.h"
#include "cli/evaluate_options.h"
#include "sap/eval/report_compare.h"

namespace sap::cli {

// What stands beside the methods' own tables: Table 1, tests, curves, figures and report.html.
void WriteComparison(const EvaluateOptions& options,
                     const std::vector<MethodPairs>& methods,
                     const eval::Comparison& comparison,
                     const std::vector<eval::LesionSummary>& summaries,
                     const std::vector<eval::MethodCurves>& curves,
                     const nlohmann::json& summary);

}  // namespace sap::cli
