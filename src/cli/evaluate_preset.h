// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_options.h"
#include "sap/core/config_node.h"

namespace sap::cli {

// Sets the open choices of an evaluation (evaluation §1.13) and leaves every other option.
void ApplyPreset(EvaluatePreset preset, EvaluateOptions& options);

// A preset is a set of defaults: it is applied before the other keys are read. For RunApp.
std::vector<std::string> TakePreset(const ConfigNode& config, EvaluateOptions& options);

// Preset, every choice with its value, and the names of those that differ from the preset's.
nlohmann::json RulesJson(const EvaluateOptions& options);
eval::ReportSection RulesSection(const EvaluateOptions& options);

}  // namespace sap::cli
