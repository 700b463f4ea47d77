// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <ATen/ATen.h>

#include "preprocess/pipeline_steps.h"
#include "sap/core/error.h"
#include "sap/preprocess/merge_stations.h"

namespace sap::preprocess {
namespace {

using nlohmann::json;

// A station where the inter-station registration puts it: no voxel is interpolated for that.
Volume Shifted(const PipelineState& state, const Station& station, bool follow_shift) {
  const auto k = static_cast<std::size_t>(station.station_idx);
  if (station.modality == kT1 || !follow_shift || k >= state.dwi_shift_mm.size()) {
    return station.image;
  }
  Geometry grid = station.image.geometry();
  for (std::size_t a = 0; a < 3; ++a) grid.origin_mm[a] += state.dwi_shift_mm[k][a];
  return {station.image.data(), grid};
}

std::vector<MergeInput> Inputs(const PipelineState& state,
                               const std::string& modality,
                               double b_s_per_mm2,
                               const PipelineOptions& options) {
  std::vector<MergeInput> inputs;
  const bool follow = modality != kAdcModality || !options.faults.adc_unregistered;
  for (int k = 0; k < state.NumStations(modality); ++k) {
    const Station& station = state.stations[state.Find(modality, k, b_s_per_mm2)];
    const Tensor mask_XYZ =
        options.apply_mask ? state.MaskOf(station) : at::ones_like(state.MaskOf(station));
    inputs.push_back({Shifted(state, station, follow), mask_XYZ});
  }
  return inputs;
}

std::vector<Geometry> GridsOf(const std::vector<MergeInput>& inputs) {
  std::vector<Geometry> grids;
  for (const MergeInput& input : inputs) grids.push_back(input.image.geometry());
  return grids;
}

XyzDouble OwnSpacing(const std::vector<MergeInput>& inputs) {
  return inputs[(inputs.size() - 1) / 2].image.geometry().spacing_mm;
}

std::pair<std::string, double> DriverOf(PipelineState& state, const PipelineOptions& options) {
  switch (options.to_t1.driver) {
    case DriverImage::kLowestB:
      return {kDwi, 0.0};
    case DriverImage::kAdc:
      if (state.NumStations(kAdcModality) > 0) return {kAdcModality, 0.0};
      state.notices.emplace_back("register_to_t1: no ADC map; b1000 is matched to T1 instead");
      break;
    case DriverImage::kB1000:
      break;
  }
  return {kDwi, options.b_target_s_per_mm2};
}

}  // namespace

json RegisterToT1Step(PipelineState& state, const PipelineOptions& options) {
  const XyzDouble spacing_mm = XyzDouble::Same(options.to_t1.estimate_mm);
  const std::vector<MergeInput> t1 = Inputs(state, kT1, 0, options);
  const auto [modality, b_s_per_mm2] = DriverOf(state, options);
  const std::vector<MergeInput> dwi = Inputs(state, modality, b_s_per_mm2, options);
  // These coarse merges only find the motion; the result is sampled from the stations again.
  const Merged fixed = MergeStations(t1, MergedGrid(GridsOf(t1), spacing_mm));
  const Merged moving = MergeStations(dwi, MergedGrid(GridsOf(dwi), spacing_mm));
  const T1Registration found =
      RegisterToT1(fixed.image, fixed.body_XYZ, moving.image, options.to_t1);
  state.dwi_from_t1 = found.dwi_from_t1;
  if (!found.notice.empty()) state.notices.push_back(found.notice);
  return {{"shift_mm", {found.shift_mm.x, found.shift_mm.y, found.shift_mm.z}},
          {"angle_deg", found.angle_deg},
          {"dwi_from_t1",
           {{"rotation", found.dwi_from_t1.rotation},
            {"offset_mm",
             {found.dwi_from_t1.offset_mm.x,
              found.dwi_from_t1.offset_mm.y,
              found.dwi_from_t1.offset_mm.z}}}},
          {"information_before_nats", found.information_before},
          {"information_after_nats", found.information_after}};
}

json MergeStep(PipelineState& state, const PipelineOptions& options, CaseVolumes& volumes) {
  std::vector<MergeInput> t1 = Inputs(state, kT1, 0, options);
  const std::vector<MergeInput> dwi = Inputs(state, kDwi, options.b_target_s_per_mm2, options);
  const XyzDouble spacing_mm = options.spacing_mm.value_or(OwnSpacing(t1));
  const Geometry grid = MergedGrid(GridsOf(t1), spacing_mm);
  Merged merged = MergeStations(t1, grid);
  volumes.t1 = merged.image;
  volumes.body = {merged.body_XYZ.to(at::kByte), grid};
  volumes.t1_seams_vox = SeamsVox(GridsOf(t1), grid);
  // The finest stations are the largest part of a case's memory and not needed again.
  t1.clear();
  std::erase_if(state.stations, [](const Station& s) { return s.modality == kT1; });
  std::erase_if(state.mask_XYZ, [](const auto& entry) { return entry.first.first == kT1; });
  const bool own_grid = options.faults.dwi_own_grid;
  const Geometry dwi_grid = own_grid ? MergedGrid(GridsOf(dwi), OwnSpacing(dwi)) : grid;
  const RigidMap dwi_from_grid = own_grid ? RigidMap{} : state.dwi_from_t1;
  merged = MergeStations(dwi, dwi_grid, dwi_from_grid);
  volumes.b1000 = merged.image;
  if (!own_grid) {
    volumes.body =
        volumes.body.WithData(volumes.body.data().logical_or(merged.body_XYZ).to(at::kByte));
  }
  if (options.write_adc && state.NumStations(kAdcModality) > 0) {
    volumes.adc =
        MergeStations(Inputs(state, kAdcModality, 0, options), dwi_grid, dwi_from_grid).image;
  }
  volumes.dwi_seams_vox = SeamsVox(GridsOf(dwi), grid);
  return {{"size_vox", {grid.size_vox.x, grid.size_vox.y, grid.size_vox.z}},
          {"spacing_mm", {spacing_mm.x, spacing_mm.y, spacing_mm.z}},
          {"t1_seams_vox", volumes.t1_seams_vox},
          {"dwi_seams_vox", volumes.dwi_seams_vox},
          {"body_ml", volumes.body.data().sum().item<double>() * grid.VoxelMl()},
          {"diffusion_coverage_frac",
           merged.body_XYZ.sum().item<double>() /
               std::max(volumes.body.data().sum().item<double>(), 1.0)}};
}

}  // namespace sap::preprocess
