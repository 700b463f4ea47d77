// SPDX-License-Identifier: Apache-2.0
#include "preprocess/pipeline_steps.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::preprocess {
namespace {

using nlohmann::json;

// Images and masks of the volumes that stand for a modality's stations, ascending.
struct Stack {
  std::vector<std::size_t> index;  // in state.stations
  std::vector<Volume> images;
  std::vector<Tensor> masks_XYZ;
};

Stack StackOf(const PipelineState& state, const std::string& modality, double b_s_per_mm2 = 0) {
  Stack stack;
  for (int k = 0; k < state.NumStations(modality); ++k) {
    stack.index.push_back(state.Find(modality, k, b_s_per_mm2));
    const Station& station = state.stations[stack.index.back()];
    stack.images.push_back(station.image);
    stack.masks_XYZ.push_back(state.MaskOf(station));
  }
  return stack;
}

Volume CroppedToSignal(const Volume& image) {
  const Tensor inside = image.data().nonzero();
  if (inside.size(0) == 0) return image;
  const Tensor low = std::get<0>(inside.min(0));
  const Tensor high = std::get<0>(inside.max(0)) + 1;
  Box box;
  Tensor data_XYZ = image.data();
  for (std::size_t a = 0; a < 3; ++a) {
    const auto axis = static_cast<int64_t>(a);
    box.begin_vox[a] = low[axis].item<int64_t>();
    box.end_vox[a] = high[axis].item<int64_t>();
    data_XYZ = data_XYZ.narrow(axis, box.begin_vox[a], box.end_vox[a] - box.begin_vox[a]);
  }
  return {data_XYZ.contiguous(), image.geometry().Cropped(box)};
}

}  // namespace

json MaskStep(PipelineState& state, const PipelineOptions& options) {
  json figures = json::array();
  for (const char* modality : {kT1, kDwi}) {
    const bool diffusion = modality == std::string(kDwi);
    for (int k = 0; k < state.NumStations(modality); ++k) {
      if (diffusion && options.faults.crop_each_b) {
        for (const std::size_t i : state.VolumesOf(modality, k)) {
          state.stations[i].image = CroppedToSignal(state.stations[i].image);
        }
      }
      const bool highest = diffusion && options.mask_from == MaskFrom::kHighestB;
      const Station& station = state.stations[state.Find(modality, k, highest ? 1e9 : 0.0)];
      const double floor = diffusion ? options.mask.dwi_floor : options.mask.t1_floor;
      const Tensor mask_XYZ = BodyMask(station.image, options.mask, floor);
      state.mask_XYZ[{modality, k}] = mask_XYZ;
      const double volume_ml = mask_XYZ.sum().item<double>() * station.image.geometry().VoxelMl();
      figures.push_back({{"modality", modality}, {"station", k + 1}, {"body_ml", volume_ml}});
    }
  }
  return figures;
}

json AdcStep(PipelineState& state, const PipelineOptions& options) {
  json figures = json::array();
  const int num = state.NumStations(kDwi);
  std::vector<Station> maps;
  for (int k = 0; k < num; ++k) {
    std::vector<Tensor> signals_XYZ;
    std::vector<double> b_s_per_mm2;
    for (const std::size_t i : state.VolumesOf(kDwi, k)) {
      const Station& s = state.stations[i];
      SAP_REQUIRE(ErrorKind::kGeometry,
                  s.image.SameGridAs(state.stations[state.VolumesOf(kDwi, k)[0]].image),
                  "{}: the b-values of diffusion station {} are on different grids; export them "
                  "from one series",
                  state.case_id,
                  k + 1);
      signals_XYZ.push_back(s.image.data());
      b_s_per_mm2.push_back(s.b_s_per_mm2.value_or(0.0));
    }
    if (signals_XYZ.size() < 2) continue;
    Station map = state.stations[state.Find(kDwi, k)];
    map.image = map.image.WithData(AdcUm2PerS(signals_XYZ, b_s_per_mm2, options.adc));
    map.modality = kAdcModality;
    map.b_s_per_mm2.reset();
    const Tensor body = map.image.data().masked_select(state.MaskOf(map));
    figures.push_back({{"station", k + 1},
                       {"b_s_per_mm2", b_s_per_mm2},
                       {"median_um2_per_s", body.median().item<float>()}});
    maps.push_back(std::move(map));
  }
  if (static_cast<int>(maps.size()) == num) {
    state.stations.insert(state.stations.end(), maps.begin(), maps.end());
  } else {
    state.notices.push_back("adc: not every station has two b-values; no ADC map");
  }
  return figures;
}

json DenoiseStep(PipelineState& state, const PipelineOptions& options) {
  for (Station& station : state.stations) {
    if (station.modality == kT1 || station.modality == kDwi) {
      station.image = Denoise(station.image, options.denoise);
    }
  }
  return {{"conductance", options.denoise.conductance},
          {"iterations", options.denoise.iterations},
          {"time_step", options.denoise.time_step}};
}

json BiasStep(PipelineState& state, const PipelineOptions& options) {
  json figures = json::array();
  for (const char* modality : {kT1, kDwi}) {
    for (int k = 0; k < state.NumStations(modality); ++k) {
      // One field for all b-values, from the lowest: the ratio of two b-values, and so ADC, stays.
      const Station& driver = state.stations[state.Find(modality, k)];
      const Tensor& mask_XYZ = state.MaskOf(driver);
      const BiasField field = modality == std::string(kDwi)
                                  ? EstimateDiffusionBias(driver.image, mask_XYZ, options.bias)
                                  : EstimateBiasField(driver.image, mask_XYZ, options.bias);
      for (const std::size_t i : state.VolumesOf(modality, k)) {
        Volume& image = state.stations[i].image;
        image = CorrectBias(image, mask_XYZ, field.log_field_XYZ, options.bias.keep_median);
      }
      figures.push_back({{"modality", modality},
                         {"station", k + 1},
                         {"iterations", field.iterations},
                         {"last_change", field.last_change},
                         {"log_field_sd", field.log_field_sd},
                         {"residual_log_sd", field.residual_sd}});
    }
  }
  return figures;
}

json IsisStep(PipelineState& state, const PipelineOptions& options) {
  json figures = json::object();
  for (const char* modality : {kT1, kDwi}) {
    const Stack stack = StackOf(state, modality, options.b_target_s_per_mm2);
    const StationGains gains = EstimateGains(stack.images, stack.masks_XYZ, options.isis);
    for (int k = 0; k < state.NumStations(modality); ++k) {
      for (const std::size_t i : state.VolumesOf(modality, k)) {
        Volume& image = state.stations[i].image;
        image = image.WithData(image.data() * gains.gain[static_cast<std::size_t>(k)]);
      }
    }
    json pairs = json::array();
    for (const GainPair& pair : gains.pairs) {
      pairs.push_back({{"lower", pair.lower_idx + 1},
                       {"upper", pair.upper_idx + 1},
                       {"voxels", pair.num_vox},
                       {"ratio_before", pair.ratio}});
    }
    figures[modality] = {{"gain", gains.gain}, {"pairs", pairs}};
    for (const std::string& text : gains.notices) {
      state.notices.push_back(fmt::format("{} ({})", text, modality));
    }
  }
  return figures;
}

json RegisterStationsStep(PipelineState& state, const PipelineOptions& options) {
  const Stack stack = StackOf(state, kDwi, options.b_target_s_per_mm2);
  const StationMotions motions = RegisterStations(stack.images, stack.masks_XYZ, options.stations);
  state.dwi_shift_mm = motions.shift_mm;
  state.notices.insert(state.notices.end(), motions.notices.begin(), motions.notices.end());
  json pairs = json::array();
  for (const PairMotion& pair : motions.pairs) {
    pairs.push_back({{"fixed", pair.fixed_idx + 1},
                     {"moving", pair.moving_idx + 1},
                     {"shift_mm", {pair.shift_mm.x, pair.shift_mm.y, pair.shift_mm.z}},
                     {"correlation_before", pair.correlation_before},
                     {"correlation_after", pair.correlation_after}});
  }
  return {{"pairs", pairs}};
}

}  // namespace sap::preprocess
