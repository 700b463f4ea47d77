// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "sap/preprocess/pipeline_options.h"

namespace sap::cli {

// Kept intermediates of one case: a folder per step, and a record of the input and the options
// that made them. `made_by`: {"input_sha256": ..., "options": {key: value}}.

// Throws kOption when a run from step `from` would start with stations that another input, or other
// options of the steps before it, made.
void RequireStagesFit(const std::filesystem::path& stages,
                      preprocess::Step from,
                      const nlohmann::json& made_by,
                      const std::string& case_id);

// Before a run that keeps intermediates: removes those that it will make (all without `from`), so
// that none of an earlier run remains when this one is stopped, and writes the record.
void BeginStages(const std::filesystem::path& stages,
                 std::optional<preprocess::Step> from,
                 const nlohmann::json& made_by);

}  // namespace sap::cli
