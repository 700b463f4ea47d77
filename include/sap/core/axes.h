// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

namespace sap {

// Three values along the array axes i, j, k of a volume (a tensor's X, Y, Z). What they measure
// stands in the variable's name: size_vox, spacing_mm.
template <typename T>
struct Xyz {
  T x{};
  T y{};
  T z{};

  T& operator[](std::size_t axis) { return axis == 0 ? x : axis == 1 ? y : z; }
  const T& operator[](std::size_t axis) const { return axis == 0 ? x : axis == 1 ? y : z; }
  bool operator==(const Xyz&) const = default;
  static Xyz Same(T value) { return {value, value, value}; }
  T Product() const { return x * y * z; }
};

using XyzInt = Xyz<int64_t>;
using XyzDouble = Xyz<double>;

// Half-open box of voxels: begin_vox <= v < end_vox on each axis.
struct Box {
  XyzInt begin_vox;
  XyzInt end_vox;

  bool operator==(const Box&) const = default;
  XyzInt SizeVox() const {
    return {end_vox.x - begin_vox.x, end_vox.y - begin_vox.y, end_vox.z - begin_vox.z};
  }
  bool Contains(const XyzInt& v) const {
    for (std::size_t a = 0; a < 3; ++a) {
      if (v[a] < begin_vox[a] || v[a] >= end_vox[a]) return false;
    }
    return true;
  }
};

}  // namespace sap

template <typename T>
struct fmt::formatter<sap::Xyz<T>> : fmt::formatter<T> {
  template <typename Context>
  auto format(const sap::Xyz<T>& v, Context& context) const {
    return fmt::format_to(context.out(), "{}x{}x{}", v.x, v.y, v.z);
  }
};
