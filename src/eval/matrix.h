// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>
#include <Eigen/Dense>

#include "sap/core/tensor.h"

namespace sap::eval {

// Eigen runs on the calling thread, so sums keep their order whatever the number of threads.
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline RowMatrix MatrixOf(const Tensor& values) {
  const Tensor dense = values.to(at::kDouble).contiguous();
  return Eigen::Map<const RowMatrix>(dense.const_data_ptr<double>(), dense.size(0), dense.size(1));
}

inline Tensor TensorOf(const RowMatrix& matrix) {
  const Tensor result = at::empty({matrix.rows(), matrix.cols()}, at::kDouble);
  Eigen::Map<RowMatrix>(result.mutable_data_ptr<double>(), matrix.rows(), matrix.cols()) = matrix;
  return result;
}

// Euclidean, [N, N], from differences: the identity of squares would lose half the digits.
inline RowMatrix PairDistances(const Tensor& points) {
  constexpr int64_t kWithoutMatmul = 2;
  const Tensor dense = points.to(at::kDouble).contiguous();
  return MatrixOf(at::cdist(dense, dense, 2.0, kWithoutMatmul));
}

}  // namespace sap::eval
