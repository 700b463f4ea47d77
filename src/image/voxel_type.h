// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include "sap/core/error.h"

namespace sap {

enum class VoxelType {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kUint64,
  kInt64,
  kFloat32,
  kFloat64
};

// Calls visit(T{}) with the C++ type of `type`.
template <typename Visit>
decltype(auto) VisitVoxelType(VoxelType type, const Visit& visit) {
  switch (type) {
    case VoxelType::kUint8:
      return visit(uint8_t{});
    case VoxelType::kInt8:
      return visit(int8_t{});
    case VoxelType::kUint16:
      return visit(uint16_t{});
    case VoxelType::kInt16:
      return visit(int16_t{});
    case VoxelType::kUint32:
      return visit(uint32_t{});
    case VoxelType::kInt32:
      return visit(int32_t{});
    case VoxelType::kUint64:
      return visit(uint64_t{});
    case VoxelType::kInt64:
      return visit(int64_t{});
    case VoxelType::kFloat32:
      return visit(float{});
    case VoxelType::kFloat64:
      break;
  }
  return visit(double{});
}

inline int64_t VoxelBytes(VoxelType type) {
  return VisitVoxelType(type, [](auto zero) { return static_cast<int64_t>(sizeof(zero)); });
}

}  // namespace sap
