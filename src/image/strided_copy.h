// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "sap/core/tensor.h"

namespace sap {

// Where voxel (0, 0, 0) of the result lies in the source, and the steps along its axes, in
// elements; negative for a reversed axis.
struct StridedSource {
  int64_t first = 0;
  std::array<int64_t, 3> stride{};
};

// result_XYZ[x, y, z] = source[first + x * stride[0] + y * stride[1] + z * stride[2]], in blocks
// that fit the cache and on all threads. Both contiguous, CPU, same dtype.
void CopyStrided(const Tensor& source_XYZ, const StridedSource& source, Tensor& result_XYZ);

}  // namespace sap
