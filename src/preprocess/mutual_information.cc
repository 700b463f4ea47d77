// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "sap/image/intensity.h"
#include "sap/image/resample.h"
#include "sap/preprocess/register_to_t1.h"

namespace sap::preprocess {
namespace {

// Where the grid lies after the map: sampling `dwi` there is sampling it at dwi_from_t1(p).
Geometry Mapped(const Geometry& grid, const RigidMap& map) {
  Geometry result = grid;
  result.origin_mm = map.Apply(grid.origin_mm);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      result.direction[r][c] = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        result.direction[r][c] += map.rotation[r][k] * grid.direction[k][c];
      }
    }
  }
  return result;
}

// Bin coordinate 0 to bins - 1 between the values' 0.5th and 99.5th percentiles.
Tensor BinOf(const Tensor& values, int bins) {
  const std::vector<double> range = Percentiles(values, {0.5, 99.5});
  const double width = std::max(range[1] - range[0], 1e-12);
  return ((values - range[0]) * ((bins - 1) / width)).clamp(0.0, bins - 1.0).contiguous();
}

double Entropy(const std::vector<double>& counts, double total) {
  double entropy = 0;
  for (const double n : counts) {
    if (n > 0) entropy -= n / total * std::log(n / total);
  }
  return entropy;
}

}  // namespace

XyzDouble RigidMap::Apply(const XyzDouble& point_mm) const {
  XyzDouble result = offset_mm;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) result[r] += rotation[r][c] * point_mm[c];
  }
  return result;
}

double RigidMap::AngleDeg() const {
  const double trace = rotation[0][0] + rotation[1][1] + rotation[2][2];
  return std::acos(std::clamp(0.5 * (trace - 1.0), -1.0, 1.0)) * 180.0 / M_PI;
}

double MutualInformation(const Volume& t1,
                         const Tensor& mask_XYZ,
                         const Volume& dwi,
                         const RigidMap& dwi_from_t1,
                         int bins) {
  const float outside = -1e30F;
  const Volume moved =
      Resample(dwi, Mapped(t1.geometry(), dwi_from_t1), Interpolation::kLinear, outside);
  const Tensor valid = mask_XYZ.to(at::kBool).logical_and(moved.data() > outside);
  const Tensor first = t1.data().masked_select(valid);
  if (first.numel() < 2) return 0;
  const Tensor a = BinOf(first, bins);
  const Tensor b = BinOf(moved.data().masked_select(valid), bins);
  const auto n = static_cast<std::size_t>(bins);
  std::vector<double> joint(n * n, 0);
  std::vector<double> along_a(n, 0);
  std::vector<double> along_b(n, 0);
  const float* va = a.const_data_ptr<float>();
  const float* vb = b.const_data_ptr<float>();
  for (int64_t i = 0; i < a.numel(); ++i) {
    const auto row = static_cast<std::size_t>(va[i] + 0.5F);
    const auto low = std::min(static_cast<std::size_t>(vb[i]), n - 2);
    const double frac = vb[i] - static_cast<float>(low);
    joint[row * n + low] += 1 - frac;
    joint[row * n + low + 1] += frac;
    along_a[row] += 1;
    along_b[low] += 1 - frac;
    along_b[low + 1] += frac;
  }
  const auto total = static_cast<double>(a.numel());
  return Entropy(along_a, total) + Entropy(along_b, total) - Entropy(joint, total);
}

}  // namespace sap::preprocess
