// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

namespace sap::preprocess {

// Scanners report the b-value that gradients reach, a few units around the one that was asked for:
// these count as one.
inline bool SameBValue(double a_s_per_mm2, double b_s_per_mm2) {
  const double tolerance = std::max(5.0, 0.02 * std::max(a_s_per_mm2, b_s_per_mm2));
  return std::abs(a_s_per_mm2 - b_s_per_mm2) <= tolerance;
}

}  // namespace sap::preprocess
