// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cli/evaluate_options.h"
#include "sap/eval/sensitivity.h"

namespace sap::cli {

// Writes sensitivity.csv and sensitivity.md into output_dir and returns their tables; nothing
// where no method has rows.
std::vector<eval::ReportSection> WriteSensitivity(
    const EvaluateOptions& options,
    const eval::Comparison& comparison,
    const std::vector<eval::LesionSummary>& summaries,
    const std::vector<eval::MethodSensitivity>& methods);

}  // namespace sap::cli
