// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "sap/preprocess/pipeline_options.h"
#include "sap/preprocess/station.h"

namespace sap::preprocess {

// What keeps numbered stations from being one whole exam, all of it: no T1 or no diffusion station,
// a diffusion station without a b-value near options.b_target_s_per_mm2 or with b-values on
// different grids, a height of more than max_gap_mm between neighbours that no image covers. Empty:
// it can be preprocessed.
std::vector<std::string> StationFaults(const std::vector<StationOutline>& stations,
                                       const PipelineOptions& options,
                                       double max_gap_mm = std::numeric_limits<double>::infinity());

// Throws kInput with all of them, each behind the case's name, unless there is none.
void RequireWholeExam(const std::vector<StationOutline>& stations,
                      const std::string& case_id,
                      const PipelineOptions& options,
                      double max_gap_mm = std::numeric_limits<double>::infinity());

}  // namespace sap::preprocess
