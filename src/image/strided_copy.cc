// SPDX-License-Identifier: Apache-2.0
#include "image/strided_copy.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

constexpr int64_t kBlock = 16;  // 16 x 16 floats: each cache line fetched is used up

template <typename T>
void Copy(const T* source, const StridedSource& from, const std::array<int64_t, 3>& size, T* out) {
  // The source axis with the unit step decides which result axis to block with z.
  const bool x_is_unit = std::abs(from.stride[0]) == 1;
  const std::size_t outer_axis = x_is_unit ? 1 : 0;
  const std::size_t tile_axis = x_is_unit ? 0 : 1;
  const std::array<int64_t, 3> out_stride{size[1] * size[2], size[2], 1};
  ParallelFor(size[outer_axis], 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      const T* plane = source + from.first + o * from.stride[outer_axis];
      T* out_plane = out + o * out_stride[outer_axis];
      for (int64_t t0 = 0; t0 < size[tile_axis]; t0 += kBlock) {
        const int64_t t1 = std::min(t0 + kBlock, size[tile_axis]);
        for (int64_t z0 = 0; z0 < size[2]; z0 += kBlock) {
          const int64_t z1 = std::min(z0 + kBlock, size[2]);
          for (int64_t t = t0; t < t1; ++t) {
            const T* row = plane + t * from.stride[tile_axis];
            T* out_row = out_plane + t * out_stride[tile_axis];
            for (int64_t z = z0; z < z1; ++z) out_row[z] = row[z * from.stride[2]];
          }
        }
      }
    }
  });
}

}  // namespace

void CopyStrided(const Tensor& source_XYZ, const StridedSource& source, Tensor& result_XYZ) {
  SAP_CHECK(source_XYZ.is_contiguous() && result_XYZ.is_contiguous());
  SAP_CHECK(source_XYZ.scalar_type() == result_XYZ.scalar_type());
  const std::array<int64_t, 3> size{result_XYZ.size(0), result_XYZ.size(1), result_XYZ.size(2)};
  const void* from = source_XYZ.data_ptr();
  void* to = result_XYZ.data_ptr();
  switch (source_XYZ.element_size()) {
    case 1:
      return Copy(static_cast<const uint8_t*>(from), source, size, static_cast<uint8_t*>(to));
    case 2:
      return Copy(static_cast<const uint16_t*>(from), source, size, static_cast<uint16_t*>(to));
    case 4:
      return Copy(static_cast<const uint32_t*>(from), source, size, static_cast<uint32_t*>(to));
    case 8:
      return Copy(static_cast<const uint64_t*>(from), source, size, static_cast<uint64_t*>(to));
    default:
      SAP_CHECK(false, "{} has no copy", ShapeString(source_XYZ));
  }
}

}  // namespace sap
