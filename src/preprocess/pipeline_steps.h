// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "preprocess/pipeline_state.h"
#include "sap/preprocess/pipeline.h"

// The steps of one patient, in the order of Step. Each reads and changes the state, and returns
// its figures for the record.
namespace sap::preprocess {

nlohmann::json MaskStep(PipelineState& state, const PipelineOptions& options);
nlohmann::json AdcStep(PipelineState& state, const PipelineOptions& options);
nlohmann::json DenoiseStep(PipelineState& state, const PipelineOptions& options);
nlohmann::json BiasStep(PipelineState& state, const PipelineOptions& options);
nlohmann::json IsisStep(PipelineState& state, const PipelineOptions& options);
nlohmann::json RegisterStationsStep(PipelineState& state, const PipelineOptions& options);
nlohmann::json RegisterToT1Step(PipelineState& state, const PipelineOptions& options);
nlohmann::json MergeStep(PipelineState& state,
                         const PipelineOptions& options,
                         CaseVolumes& volumes);

}  // namespace sap::preprocess
