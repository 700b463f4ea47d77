// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/enum_names.h"
#include "sap/image/volume.h"
#include "sap/preprocess/pipeline_options.h"
#include "sap/preprocess/station.h"

namespace sap::preprocess {

// One finished patient. All volumes on one grid, bit-identical.
struct CaseVolumes {
  Volume t1;
  Volume b1000;
  Volume body;                       // uint8
  std::optional<Volume> adc;         // um2/s
  std::vector<double> t1_seams_vox;  // along z
  std::vector<double> dwi_seams_vox;
};

struct CaseResult {
  CaseVolumes volumes;
  std::vector<std::string> notices;
};

// Where a run may start and what it leaves behind.
struct RunPlan {
  std::optional<Step> from;                         // first step that runs
  std::optional<std::filesystem::path> stages;      // folder of this case's kept intermediates
  std::function<void(Step)> on_step = [](Step) {};  // called before each step
};

// Runs the steps that `options.steps` switches on, in their order, all in memory. `record` gets
// one entry per step with its parameters and figures (preprocessing §7). With plan.stages and
// options.keep_intermediates the stations are written after each step; with plan.from they are
// read from there. Whole-body stations are large: hand `input` over (std::move), so that each step
// frees what it replaces. Throws kInput for a patient without T1 or without a b-value near
// b_target.
CaseResult RunCase(StationSet input,
                   const PipelineOptions& options,
                   const RunPlan& plan,
                   nlohmann::json& record);

}  // namespace sap::preprocess
