// SPDX-License-Identifier: Apache-2.0
#include "preprocess/spline_lattice.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

namespace sap::preprocess {
namespace {

// T_XYZ contracted with one [N, P] matrix per axis: over N (fit) or, transposed, over P.
Tensor Contract(const Tensor& values, const Tensor& mx, const Tensor& my, const Tensor& mz) {
  const Tensor along_z = values.matmul(mz);                     // X Y W
  const Tensor along_yz = my.t().unsqueeze(0).matmul(along_z);  // X V W
  return mx.t().matmul(along_yz.flatten(1)).view({mx.size(1), my.size(1), mz.size(1)});
}

}  // namespace

Tensor CubicBasis(
    int64_t num_vox, double first_vox, double step_vox, double domain_vox, int64_t spans) {
  Tensor basis = at::zeros({num_vox, spans + 3}, at::kDouble);
  auto rows = basis.accessor<double, 2>();
  for (int64_t i = 0; i < num_vox; ++i) {
    const double at_vox = first_vox + static_cast<double>(i) * step_vox;
    const double u = domain_vox > 0 ? at_vox / domain_vox * static_cast<double>(spans) : 0.0;
    const double inside = std::clamp(u, 0.0, static_cast<double>(spans));
    const int64_t span = std::min(static_cast<int64_t>(inside), spans - 1);
    const double t = inside - static_cast<double>(span);
    rows[i][span] = std::pow(1 - t, 3) / 6;
    rows[i][span + 1] = (3 * t * t * t - 6 * t * t + 4) / 6;
    rows[i][span + 2] = (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6;
    rows[i][span + 3] = t * t * t / 6;
  }
  return basis;
}

Tensor EvaluateLattice(const Tensor& lattice_UVW, const Bases& bases) {
  return Contract(lattice_UVW, bases[0].t(), bases[1].t(), bases[2].t());
}

LatticeFit::LatticeFit(const Bases& bases, const Tensor& weight_XYZ)
    : weight_XYZ_(weight_XYZ.to(at::kFloat)) {
  for (std::size_t a = 0; a < 3; ++a) {
    const Tensor squared = bases[a].square();
    cubed_[a] = squared * bases[a] / squared.sum(1, /*keepdim=*/true);
  }
  denominator_UVW_ = Contract(weight_XYZ_, bases[0].square(), bases[1].square(), bases[2].square());
}

Tensor LatticeFit::Fit(const Tensor& value_XYZ) const {
  const Tensor numerator_UVW = Contract(value_XYZ * weight_XYZ_, cubed_[0], cubed_[1], cubed_[2]);
  return at::where(
      denominator_UVW_ > 0, numerator_UVW / denominator_UVW_, at::zeros_like(numerator_UVW));
}

}  // namespace sap::preprocess
