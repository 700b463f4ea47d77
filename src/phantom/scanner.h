// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "sap/core/rng.h"
#include "sap/core/tensor.h"
#include "sap/image/geometry.h"

namespace sap::phantom {

// A smooth positive factor over the grid: product cosines times a gain per station along z.
class Shading {
 public:
  Shading(Rng& rng, const Geometry& grid, double bias_frac, double gain_frac);
  float At(int64_t x, int64_t y, int64_t z) const {
    float sum = 1;
    for (const auto& term : terms_) {
      sum += term[0][static_cast<std::size_t>(x)] * term[1][static_cast<std::size_t>(y)] *
             term[2][static_cast<std::size_t>(z)];
    }
    return (sum > 0.2F ? sum : 0.2F) * gain_[static_cast<std::size_t>(z)];
  }

 private:
  std::vector<std::array<std::vector<float>, 3>> terms_;
  std::vector<float> gain_;
};

// Periodic smooth noise of mean 0 and variance about 1 with the given lattice step.
class SmoothNoise {
 public:
  SmoothNoise(Rng& rng, double step_mm);
  float At(const XyzDouble& p_mm) const;

 private:
  static constexpr int kEdge = 32;
  std::vector<float> values_;
  double per_mm_;
};

// Three-tap smoothing along each axis; sigma_mm up to about 1.2 voxels.
void SmoothInPlace(Tensor& image_XYZ, const XyzDouble& spacing_mm, double sigma_mm);

}  // namespace sap::phantom
