// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "preprocess/pipeline_state.h"
#include "preprocess/pipeline_steps.h"
#include "sap/core/error.h"
#include "sap/preprocess/station_faults.h"

namespace sap::preprocess {
namespace {

using nlohmann::json;

constexpr Step kAllSteps[] = {Step::kMask,
                              Step::kAdc,
                              Step::kDenoise,
                              Step::kBias,
                              Step::kIsis,
                              Step::kRegisterStations,
                              Step::kRegisterToT1,
                              Step::kMerge};

std::filesystem::path StageFolder(const std::filesystem::path& stages, Step step) {
  return stages / EnumName(step);
}

// The state that the step before `from` left behind.
PipelineState StateBefore(Step from,
                          const PipelineOptions& options,
                          const RunPlan& plan,
                          const std::string& case_id) {
  std::optional<Step> before;
  for (const Step step : kAllSteps) {
    if (step == from) break;
    if (options.Has(step)) before = step;
  }
  SAP_REQUIRE(ErrorKind::kOption,
              before && plan.stages && std::filesystem::exists(StageFolder(*plan.stages, *before)),
              "{}: nothing is kept from the step before `{}`; run once without --from and with "
              "keep_intermediates: true",
              case_id,
              EnumName(from));
  return LoadState(StageFolder(*plan.stages, *before));
}

json RunStep(Step step,
             PipelineState& state,
             const PipelineOptions& options,
             CaseVolumes& volumes) {
  switch (step) {
    case Step::kMask:
      return MaskStep(state, options);
    case Step::kAdc:
      return AdcStep(state, options);
    case Step::kDenoise:
      return DenoiseStep(state, options);
    case Step::kBias:
      return BiasStep(state, options);
    case Step::kIsis:
      return IsisStep(state, options);
    case Step::kRegisterStations:
      return RegisterStationsStep(state, options);
    case Step::kRegisterToT1:
      return RegisterToT1Step(state, options);
    case Step::kMerge:
      return MergeStep(state, options, volumes);
  }
  SAP_CHECK(false, "step {}", static_cast<int>(step));
}

void RequireFinite(const PipelineState& state, Step step) {
  for (const Station& s : state.stations) {
    SAP_REQUIRE(ErrorKind::kNumeric,
                at::isfinite(s.image.data().sum()).item<bool>(),
                "{}: step `{}` left values that are not finite in {} station {}",
                state.case_id,
                EnumName(step),
                s.modality,
                s.station_idx + 1);
  }
}

// Once ADC is made, the wanted b-value and the lowest one (which drives the bias field) remain.
void DropUnusedVolumes(PipelineState& state, const PipelineOptions& options) {
  std::vector<Station> kept;
  for (std::size_t i = 0; i < state.stations.size(); ++i) {
    const Station& s = state.stations[i];
    const bool used =
        s.modality == kT1 || s.modality == kAdcModality ||
        (s.modality == kDwi && (state.Find(kDwi, s.station_idx) == i ||
                                state.Find(kDwi, s.station_idx, options.b_target_s_per_mm2) == i));
    if (used) kept.push_back(s);
  }
  state.stations = std::move(kept);
}

}  // namespace

bool PipelineOptions::Has(Step step) const {
  if (step == Step::kMask || step == Step::kMerge) return true;
  return steps.empty() || std::find(steps.begin(), steps.end(), step) != steps.end();
}

PipelineOptions PresetOptions(Preset preset) {
  PipelineOptions options;
  options.preset = preset;
  if (preset == Preset::kPaper) return options;
  options.steps = {Step::kMask,
                   Step::kAdc,
                   Step::kBias,
                   Step::kIsis,
                   Step::kRegisterStations,
                   Step::kRegisterToT1,
                   Step::kMerge};
  options.mask_from = MaskFrom::kHighestB;
  options.mask.threshold = MaskThreshold::kAuthor;
  options.mask.estimate_mm = 0;
  options.mask.min_part_ml = 10000;  // the largest part alone
  options.isis.estimator = GainEstimator::kAuthorMean;
  options.isis.min_vox = 1;
  options.to_t1.driver = DriverImage::kAdc;
  options.bias.keep_median = false;
  options.bias.diffusion_iterations = options.bias.iterations;
  return options;
}

CaseResult RunCase(StationSet input,
                   const PipelineOptions& options,
                   const RunPlan& plan,
                   json& record) {
  PipelineState state;
  if (plan.from && *plan.from != Step::kMask) {
    state = StateBefore(*plan.from, options, plan, input.case_id);
  } else {
    state.case_id = input.case_id;
    state.stations = std::move(input.stations);
    state.notices = input.notices;
  }
  RequireWholeExam(OutlinesOf(state.stations), state.case_id, options);
  CaseResult result;
  for (const Step step : kAllSteps) {
    if (!options.Has(step) || (plan.from && step < *plan.from)) continue;
    plan.on_step(step);
    if (step > Step::kAdc) DropUnusedVolumes(state, options);
    const auto start = std::chrono::steady_clock::now();
    json figures = RunStep(step, state, options, result.volumes);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    state.figures[EnumName(step)] = std::move(figures);
    record["seconds"][EnumName(step)] = seconds.count();
    RequireFinite(state, step);
    if (options.keep_intermediates && plan.stages && step != Step::kMerge) {
      SaveState(state, StageFolder(*plan.stages, step));
    }
  }
  record["steps"] = state.figures;
  record["notices"] = state.notices;
  result.notices = state.notices;
  return result;
}

}  // namespace sap::preprocess
