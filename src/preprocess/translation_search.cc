// SPDX-License-Identifier: Apache-2.0
#include "preprocess/translation_search.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

namespace sap::preprocess {
namespace {

// Linear interpolation blurs most half-way between voxels. Of points on the fixed grid that lures
// the shift: to half a voxel, where noise is smoothed, or away from it, where edges are. Points
// spread evenly within their voxels meet every fraction at any shift, and smoothing both images by
// [1 2 1] / 4 leaves interpolation little to blur. Not across slices: the last one has a neighbour
// on one side only, which would move what it shows, and an overlap has few slices.
Tensor Smoothed(const Volume& image) {
  Tensor smooth = image.data().to(at::kFloat);
  const XyzDouble& spacing_mm = image.geometry().spacing_mm;
  const double thickest_mm = std::max({spacing_mm.x, spacing_mm.y, spacing_mm.z});
  const int64_t across = spacing_mm.z == thickest_mm ? 2 : spacing_mm.y == thickest_mm ? 1 : 0;
  for (int64_t a = 0; a < 3; ++a) {
    const int64_t n = smooth.size(a);
    if (a == across || n < 2) continue;
    const Tensor before = at::cat({smooth.narrow(a, 0, 1), smooth.narrow(a, 0, n - 1)}, a);
    const Tensor after = at::cat({smooth.narrow(a, 1, n - 1), smooth.narrow(a, n - 1, 1)}, a);
    smooth = 0.5 * smooth + 0.25 * (before + after);
  }
  return smooth.contiguous();
}

// Linear value at `v`, or false beyond the outermost voxel centres.
bool ValueAt(const float* data, const XyzInt& size_vox, const XyzDouble& v, double& value) {
  XyzInt low;
  XyzDouble frac;
  XyzInt step = {size_vox.y * size_vox.z, size_vox.z, 1};
  for (std::size_t a = 0; a < 3; ++a) {
    if (!(v[a] >= 0.0 && v[a] <= static_cast<double>(size_vox[a] - 1))) return false;
    low[a] = std::min(static_cast<int64_t>(v[a]), std::max<int64_t>(size_vox[a] - 2, 0));
    frac[a] = v[a] - static_cast<double>(low[a]);
    if (size_vox[a] == 1) step[a] = 0;
  }
  const float* p = data + low.x * size_vox.y * size_vox.z + low.y * size_vox.z + low.z;
  const auto along_z = [&](const float* q) { return q[0] * (1 - frac.z) + q[step.z] * frac.z; };
  const auto along_yz = [&](const float* q) {
    return along_z(q) * (1 - frac.y) + along_z(q + step.y) * frac.y;
  };
  value = along_yz(p) * (1 - frac.x) + along_yz(p + step.x) * frac.x;
  return true;
}

// Point n of an even sequence in -0.5 to 0.5 per axis: multiples of 1/g, 1/g^2 and 1/g^3 modulo 1,
// where g^4 = g + 1.
XyzDouble WithinVoxel(int64_t n) {
  constexpr XyzDouble kStep = {0.8191725133961645, 0.6710436067037893, 0.5497004779019703};
  XyzDouble offset_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    const double whole = kStep[a] * static_cast<double>(n);
    offset_vox[a] = whole - std::floor(whole) - 0.5;
  }
  return offset_vox;
}

}  // namespace

OverlapCorrelation::OverlapCorrelation(const Volume& fixed,
                                       const Tensor& mask_XYZ,
                                       const Volume& moving,
                                       int points)
    : moving_(moving.WithData(Smoothed(moving))) {
  const Tensor smooth_XYZ = Smoothed(fixed);
  const float* values = smooth_XYZ.const_data_ptr<float>();
  const Tensor inside = mask_XYZ.flatten().nonzero().squeeze(1);
  const int64_t stride = std::max<int64_t>(inside.numel() / points, 1);
  const XyzInt size_vox = fixed.geometry().size_vox;
  const int64_t* index = inside.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < inside.numel(); i += stride) {
    const int64_t row = index[i] / size_vox.z;
    XyzDouble at_vox = {static_cast<double>(row / size_vox.y),
                        static_cast<double>(row % size_vox.y),
                        static_cast<double>(index[i] % size_vox.z)};
    const XyzDouble offset_vox = WithinVoxel(i / stride);
    for (std::size_t a = 0; a < 3; ++a) {
      at_vox[a] = std::clamp(at_vox[a] + offset_vox[a], 0.0, static_cast<double>(size_vox[a] - 1));
    }
    double value = 0;
    if (!ValueAt(values, size_vox, at_vox, value)) continue;
    const XyzDouble lps_mm = fixed.geometry().LpsFromVox(at_vox);
    samples_.push_back({moving.geometry().VoxFromLps(lps_mm), static_cast<float>(value)});
  }
  identity_count_ = static_cast<int64_t>(SumsAt({}).n);
}

OverlapCorrelation::Sums OverlapCorrelation::SumsAt(const XyzDouble& shift_mm) const {
  const Geometry& grid = moving_.geometry();
  const XyzDouble zero_vox = grid.VoxFromLps({0, 0, 0});
  const XyzDouble moved_vox = grid.VoxFromLps(shift_mm);
  const float* data = moving_.data().const_data_ptr<float>();
  Sums s;
  for (const Sample& sample : samples_) {
    XyzDouble v;
    for (std::size_t a = 0; a < 3; ++a) v[a] = sample.at_vox[a] - (moved_vox[a] - zero_vox[a]);
    double m = 0;
    if (!ValueAt(data, grid.size_vox, v, m)) continue;
    const double f = sample.value;
    s.n += 1;
    s.f += f;
    s.m += m;
    s.ff += f * f;
    s.mm += m * m;
    s.fm += f * m;
  }
  return s;
}

double OverlapCorrelation::At(const XyzDouble& shift_mm) const {
  const Sums s = SumsAt(shift_mm);
  if (s.n < 0.5 * static_cast<double>(identity_count_) || s.n < 2) return -1.0;
  const double var_f = s.ff - s.f * s.f / s.n;
  const double var_m = s.mm - s.m * s.m / s.n;
  if (!(var_f > 0 && var_m > 0)) return -1.0;
  return (s.fm - s.f * s.m / s.n) / std::sqrt(var_f * var_m);
}

PairMotion SearchTranslation(const OverlapCorrelation& correlation,
                             const StationRegistrationOptions& options) {
  PairMotion motion;
  motion.correlation_before = correlation.At({});
  XyzDouble best;
  double best_value = motion.correlation_before;
  const auto consider = [&](const XyzDouble& shift_mm) {
    for (std::size_t a = 0; a < 3; ++a) {
      if (std::abs(shift_mm[a]) > options.max_shift_mm) return false;
    }
    const double value = correlation.At(shift_mm);
    if (!(value > best_value)) return false;
    best = shift_mm;
    best_value = value;
    return true;
  };
  const auto reach = static_cast<int>(options.max_shift_mm / options.coarse_mm);
  for (int x = -reach; x <= reach; ++x) {
    for (int y = -reach; y <= reach; ++y) {
      for (int z = -reach; z <= reach; ++z) {
        consider({x * options.coarse_mm, y * options.coarse_mm, z * options.coarse_mm});
      }
    }
  }
  for (double step_mm = options.coarse_mm / 2; step_mm >= options.final_mm;) {
    bool better = false;
    for (std::size_t a = 0; a < 3; ++a) {
      for (const double sign : {1.0, -1.0}) {
        XyzDouble next = best;
        next[a] += sign * step_mm;
        better = consider(next) || better;
      }
    }
    if (!better) step_mm /= 2;
  }
  motion.shift_mm = best;
  motion.correlation_after = best_value;
  motion.moved = best_value > motion.correlation_before;
  return motion;
}

}  // namespace sap::preprocess
