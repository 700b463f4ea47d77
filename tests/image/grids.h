// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "sap/image/volume.h"

namespace sap::testing {

// Anisotropic, shifted, and turned about two axes.
inline Geometry ObliqueGrid(const XyzInt& size_vox) {
  const double a = 0.35;
  const double b = -0.2;
  Geometry grid{.size_vox = size_vox, .spacing_mm = {1.25, 2.0, 4.5}, .origin_mm = {-31, 12.5, 80}};
  grid.direction = {{{std::cos(a), -std::sin(a) * std::cos(b), std::sin(a) * std::sin(b)},
                     {std::sin(a), std::cos(a) * std::cos(b), -std::cos(a) * std::sin(b)},
                     {0.0, std::sin(b), std::cos(b)}}};
  return grid;
}

// The 48 grids with permuted and reversed axes (sizes and spacings stay with the array axes).
inline std::vector<Geometry> AllOrientations(const Geometry& grid) {
  std::vector<Geometry> all;
  std::array<std::size_t, 3> order{0, 1, 2};
  do {
    for (unsigned flips = 0; flips < 8; ++flips) {
      Geometry turned = grid;
      for (std::size_t a = 0; a < 3; ++a) {
        const double sign = (flips >> a & 1U) != 0 ? -1.0 : 1.0;
        for (std::size_t r = 0; r < 3; ++r) {
          turned.direction[r][a] = sign * grid.direction[r][order[a]];
        }
      }
      all.push_back(turned);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

// float32 0, 1, 2, ... in C order.
inline Volume RampVolume(const Geometry& grid) {
  const XyzInt& n = grid.size_vox;
  return {at::arange(n.Product(), at::kFloat).view({n.x, n.y, n.z}), grid};
}

inline Tensor RandomMask(const XyzInt& n, double density, int64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  return at::rand({n.x, n.y, n.z}, generator, at::TensorOptions(at::kFloat)).lt(density);
}

}  // namespace sap::testing
