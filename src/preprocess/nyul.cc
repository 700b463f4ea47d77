// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/nyul.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/image/intensity.h"

namespace sap::preprocess {

std::vector<double> Landmarks(const Tensor& image_XYZ, const NyulOptions& options) {
  std::vector<double> landmarks = PercentilesAbove(image_XYZ, 0, options.percentiles);
  for (std::size_t i = 1; i < landmarks.size(); ++i) {
    // Equal landmarks (many equal voxels) would make the map a step.
    landmarks[i] = std::max(landmarks[i], landmarks[i - 1] * (1 + 1e-6) + 1e-30);
  }
  return landmarks;
}

std::vector<double> FitNyul(const std::vector<std::vector<double>>& landmarks) {
  SAP_CHECK(!landmarks.empty());
  const std::size_t num = landmarks[0].size();
  double first = 0;
  double last = 0;
  for (const std::vector<double>& one : landmarks) {
    SAP_CHECK(one.size() == num && num >= 2);
    first += one.front() / static_cast<double>(landmarks.size());
    last += one.back() / static_cast<double>(landmarks.size());
  }
  std::vector<double> standard(num, 0);
  for (const std::vector<double>& one : landmarks) {
    const double scale = (last - first) / (one.back() - one.front());
    for (std::size_t i = 0; i < num; ++i) {
      standard[i] +=
          (first + (one[i] - one.front()) * scale) / static_cast<double>(landmarks.size());
    }
  }
  return standard;
}

Tensor ApplyNyul(const Tensor& image_XYZ, const NyulMap& map) {
  const std::size_t num = map.from.size();
  SAP_CHECK(num >= 2 && map.to.size() == num);
  const Tensor source = image_XYZ.to(at::kFloat).contiguous();
  Tensor result = at::empty_like(source);
  const float* in = source.const_data_ptr<float>();
  float* out = result.mutable_data_ptr<float>();
  ParallelFor(source.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!(in[i] > 0)) {
        out[i] = 0;
        continue;
      }
      std::size_t k = 0;
      while (k + 2 < num && in[i] >= map.from[k + 1]) ++k;
      const double slope = (map.to[k + 1] - map.to[k]) / (map.from[k + 1] - map.from[k]);
      const double value = map.to[k] + (in[i] - map.from[k]) * slope;
      out[i] = std::max(static_cast<float>(value), std::numeric_limits<float>::min());
    }
  });
  return result;
}

}  // namespace sap::preprocess
