// SPDX-License-Identifier: Apache-2.0
#include "phantom/growth.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <queue>
#include <unordered_set>

#include <ATen/ATen.h>

namespace sap::phantom {
namespace {

constexpr int kNumRipples = 5;
constexpr double kRippleHeight = 0.16;

double Norm(const XyzDouble& v) {
  return std::sqrt(v.x * v.x + v.y * v.y + v.z * v.z);
}

}  // namespace

IrregularShape::IrregularShape(Rng& rng, const XyzDouble& centre_mm, double radius_mm) {
  const int64_t num_blobs = rng.UniformInt(1, 4);
  for (int64_t i = 0; i < num_blobs; ++i) {
    Blob blob{centre_mm, {}};
    for (std::size_t a = 0; a < 3; ++a) {
      if (i > 0) blob.centre_mm[a] += 0.7 * radius_mm * rng.Uniform(-1, 1);
      blob.inverse_axes_per_mm[a] = 1 / (radius_mm * std::exp(0.25 * rng.Normal()));
    }
    blobs_.push_back(blob);
  }
  for (int i = 0; i < kNumRipples; ++i) {
    const double k = 2 * std::numbers::pi / (radius_mm * rng.Uniform(0.8, 2.2));
    XyzDouble direction{rng.Normal(), rng.Normal(), rng.Normal()};
    const double norm = Norm(direction) + 1e-9;
    for (std::size_t a = 0; a < 3; ++a) direction[a] *= k / norm;
    ripples_.push_back({direction, rng.Uniform(0, 2 * std::numbers::pi)});
  }
}

double IrregularShape::Cost(const XyzDouble& p) const {
  double cost = 1e9;
  for (const Blob& blob : blobs_) {
    XyzDouble d;
    for (std::size_t a = 0; a < 3; ++a) {
      d[a] = (p[a] - blob.centre_mm[a]) * blob.inverse_axes_per_mm[a];
    }
    cost = std::min(cost, Norm(d));
  }
  double ripple = 0;
  for (const Ripple& r : ripples_) {
    const XyzDouble& k = r.wave_number_per_mm;
    ripple += std::sin(k.x * p.x + k.y * p.y + k.z * p.z + r.phase_rad);
  }
  return cost * (1 + kRippleHeight * ripple);
}

XyzInt VoxelOf(const Geometry& grid, int64_t flat) {
  const XyzInt& size = grid.size_vox;
  return {flat / (size.y * size.z), flat / size.z % size.y, flat % size.z};
}

XyzDouble PointOf(const Geometry& grid, int64_t flat) {
  const XyzInt v = VoxelOf(grid, flat);
  return grid.LpsFromVox(
      {static_cast<double>(v.x), static_cast<double>(v.y), static_cast<double>(v.z)});
}

bool TouchesMark(const Tensor& marks_XYZ, const XyzInt& v) {
  const auto marks = marks_XYZ.accessor<int16_t, 3>();
  for (int64_t x = std::max<int64_t>(v.x - 1, 0); x <= std::min(v.x + 1, marks.size(0) - 1); ++x) {
    for (int64_t y = std::max<int64_t>(v.y - 1, 0); y <= std::min(v.y + 1, marks.size(1) - 1);
         ++y) {
      for (int64_t z = std::max<int64_t>(v.z - 1, 0); z <= std::min(v.z + 1, marks.size(2) - 1);
           ++z) {
        if (marks[x][y][z] != 0) return true;
      }
    }
  }
  return false;
}

std::vector<int64_t> Grow(const IrregularShape& shape,
                          const Tensor& allowed_XYZ,
                          const Tensor& marks_XYZ,
                          const Geometry& grid,
                          int64_t seed_vox,
                          int64_t num_vox) {
  using Entry = std::pair<double, int64_t>;  // cost, flat index: ties resolve by index
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> front;
  std::unordered_set<int64_t> seen;
  std::vector<int64_t> grown;
  const uint8_t* allowed = allowed_XYZ.data_ptr<uint8_t>();
  const auto visit = [&](int64_t flat) {
    if (allowed[flat] == 0 || !seen.insert(flat).second) return;
    if (TouchesMark(marks_XYZ, VoxelOf(grid, flat))) return;
    front.emplace(shape.Cost(PointOf(grid, flat)), flat);
  };
  const XyzInt strides{grid.size_vox.y * grid.size_vox.z, grid.size_vox.z, 1};
  visit(seed_vox);
  while (!front.empty() && static_cast<int64_t>(grown.size()) < num_vox) {
    const int64_t flat = front.top().second;
    front.pop();
    grown.push_back(flat);
    const XyzInt v = VoxelOf(grid, flat);
    for (std::size_t a = 0; a < 3; ++a) {
      if (v[a] > 0) visit(flat - strides[a]);
      if (v[a] + 1 < grid.size_vox[a]) visit(flat + strides[a]);
    }
  }
  return grown;
}

}  // namespace sap::phantom
