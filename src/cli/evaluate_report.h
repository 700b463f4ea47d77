// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_methods.h"
#include "cli/evaluate_options.h"
#include "sap/eval/report_sections.h"

namespace sap::cli {

// What stands beside the methods' own tables: Table 1, tests, curves, figures and report.html.
// `sections` are further ones, between those of the lesions and the pictures; their figures are
// drawn too.
void WriteComparison(const EvaluateOptions& options,
                     const std::vector<MethodPairs>& methods,
                     const eval::MethodResults& results,
                     std::vector<eval::ReportSection> sections,
                     const nlohmann::json& summary);

// report.html of the skeleton task.
void WriteSkeletonPage(const EvaluateOptions& options,
                       const eval::SkeletonSummary& summary,
                       const nlohmann::json& record);

}  // namespace sap::cli
