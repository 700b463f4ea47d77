// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/adc.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::preprocess {
namespace {

std::vector<std::size_t> UsedVolumes(const std::vector<double>& b_s_per_mm2, bool drop_b0) {
  std::vector<std::size_t> all;
  std::vector<std::size_t> weighted;
  for (std::size_t i = 0; i < b_s_per_mm2.size(); ++i) {
    all.push_back(i);
    if (b_s_per_mm2[i] > 0) weighted.push_back(i);
  }
  return drop_b0 && weighted.size() >= 2 ? weighted : all;
}

}  // namespace

Tensor AdcUm2PerS(const std::vector<Tensor>& signals_XYZ,
                  const std::vector<double>& b_s_per_mm2,
                  const AdcOptions& options) {
  SAP_CHECK(signals_XYZ.size() == b_s_per_mm2.size() && !signals_XYZ.empty());
  const std::vector<std::size_t> used = UsedVolumes(b_s_per_mm2, options.drop_b0);
  double mean_b = 0;
  for (const std::size_t i : used) mean_b += b_s_per_mm2[i] / static_cast<double>(used.size());
  double spread = 0;
  for (const std::size_t i : used) spread += std::pow(b_s_per_mm2[i] - mean_b, 2);
  SAP_REQUIRE(ErrorKind::kInput,
              spread > 0,
              "the diffusion signal decay needs two different b-values, found {} volume(s) of one",
              used.size());
  std::vector<Tensor> kept;
  std::vector<const float*> signals;
  std::vector<double> weights;  // slope of the least-squares line = sum of weight * ln S
  for (const std::size_t i : used) {
    SAP_REQUIRE(ErrorKind::kGeometry,
                signals_XYZ[i].sizes() == signals_XYZ[0].sizes(),
                "b-values of one station differ in size: {} against {}",
                ShapeString(signals_XYZ[i]),
                ShapeString(signals_XYZ[0]));
    kept.push_back(signals_XYZ[i].to(at::kFloat).contiguous());
    signals.push_back(kept.back().const_data_ptr<float>());
    weights.push_back((b_s_per_mm2[i] - mean_b) / spread);
  }
  Tensor adc_XYZ = at::empty(kept[0].sizes(), at::kFloat);
  float* adc = adc_XYZ.mutable_data_ptr<float>();
  ParallelFor(adc_XYZ.numel(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v) {
      double slope = 0;
      double mean = 0;
      for (std::size_t i = 0; i < signals.size(); ++i) {
        slope += weights[i] * std::log(std::max<double>(signals[i][v], 1e-6));
        mean += signals[i][v] / static_cast<double>(signals.size());
      }
      const double value_um2_per_s = std::max(-slope, 0.0) * 1e6;
      const bool valid = mean >= 0.01 && value_um2_per_s <= options.max_um2_per_s;
      adc[v] = valid ? static_cast<float>(value_um2_per_s) : 0.0F;
    }
  });
  return adc_XYZ;
}

}  // namespace sap::preprocess
