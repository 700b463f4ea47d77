// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "sap/image/geometry.h"

namespace sap {

// The letters of each LPS axis: towards its positive end, towards its negative end.
inline constexpr std::array<std::string_view, 3> kLpsLetters = {"LR", "PA", "SI"};

// For each array axis the LPS axis it is nearest to: the one-to-one choice with the largest sum of
// |cosines|, so that oblique grids never name one axis twice. Ties go to the first permutation.
std::array<std::size_t, 3> NearestLpsAxes(const Matrix3& direction);

// How the axes of one grid lie in another: new axis t is old axis `from[t]`, reversed where `flip`.
struct AxisMap {
  std::array<std::size_t, 3> from{0, 1, 2};
  std::array<bool, 3> flip{};
};

}  // namespace sap
