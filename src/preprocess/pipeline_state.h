// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "sap/preprocess/pipeline_options.h"
#include "sap/preprocess/register_to_t1.h"
#include "sap/preprocess/station.h"

namespace sap::preprocess {

inline constexpr const char* kAdcModality = "ADC_um2_per_s";

// Everything that goes from one step to the next.
struct PipelineState {
  std::string case_id;
  std::vector<Station> stations;  // also ADC, as stations of modality kAdcModality
  std::map<std::pair<std::string, int>, Tensor> mask_XYZ;  // bool, of modality and station
  std::vector<XyzDouble> dwi_shift_mm;                     // per diffusion station
  RigidMap dwi_from_t1;
  std::vector<std::string> notices;
  nlohmann::json figures = nlohmann::json::object();  // one entry per step

  int NumStations(const std::string& modality) const;
  // The station's volume nearest to b_s_per_mm2 (diffusion), or its only one.
  std::size_t Find(const std::string& modality, int station_idx, double b_s_per_mm2 = 0) const;
  // All of one station's volumes, b ascending.
  std::vector<std::size_t> VolumesOf(const std::string& modality, int station_idx) const;
  const Tensor& MaskOf(const Station& station) const;  // ADC has the diffusion station's
};

// The same state again, to a folder and from one; masks as uint8, the rest in state.json.
void SaveState(const PipelineState& state, const std::filesystem::path& folder);
PipelineState LoadState(const std::filesystem::path& folder);

}  // namespace sap::preprocess
