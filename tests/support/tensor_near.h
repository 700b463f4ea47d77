// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/tensor.h"

namespace sap::testing {

// Absolute tolerance by dtype: float64 1e-12, float32 1e-5, bfloat16 4e-2.
inline double Tolerance(at::ScalarType dtype) {
  return dtype == at::kDouble ? 1e-12 : dtype == at::kBFloat16 ? 4e-2 : 1e-5;
}

inline double MaxAbsDifference(const Tensor& a, const Tensor& b) {
  if (a.numel() == 0) return 0.0;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// EXPECT_TRUE(TensorNear(actual, expected, tolerance)).
inline ::testing::AssertionResult TensorNear(const Tensor& actual,
                                             const Tensor& expected,
                                             double tolerance) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << ShapeString(actual) << " against " << ShapeString(expected);
  }
  const double worst = MaxAbsDifference(actual, expected);
  if (worst <= tolerance) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "largest difference " << worst << " > " << tolerance;
}

}  // namespace sap::testing
