// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

// Uniform cubic B-splines over a regular grid. Letters: U V W lattice points along x, y, z.
namespace sap::preprocess {

// Basis values [N, spans + 3], float64, of num_vox points at first + i * step voxels along an
// axis whose spline domain is [0, domain_vox].
Tensor CubicBasis(
    int64_t num_vox, double first_vox, double step_vox, double domain_vox, int64_t spans);

using Bases = std::array<Tensor, 3>;  // per axis, float32

// Sum over lattice points: lattice_UVW -> values_XYZ, float32.
Tensor EvaluateLattice(const Tensor& lattice_UVW, const Bases& bases);

// Lee, Wolberg and Shin (1997), equations 3 to 5, for points on a full grid with weights 0 or 1:
// each point's weights are a product over the axes, so that both sums are three small matrix
// products. Built once per level, because the denominator depends on the weights alone.
class LatticeFit {
 public:
  LatticeFit(const Bases& bases, const Tensor& weight_XYZ);
  Tensor Fit(const Tensor& value_XYZ) const;  // lattice_UVW; 0 where no point has influence

 private:
  Bases cubed_;  // basis^3 / sum of basis^2, the numerator's weights
  Tensor weight_XYZ_;
  Tensor denominator_UVW_;
};

}  // namespace sap::preprocess
