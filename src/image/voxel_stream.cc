// SPDX-License-Identifier: Apache-2.0
#include "image/voxel_stream.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include <ATen/ATen.h>

#include "sap/core/parallel.h"

namespace sap {
namespace {

constexpr int64_t kCacheLineBytes = 64;
constexpr int64_t kSlabSlices = 16;  // 16 floats along z are one cache line of the result
constexpr int64_t kBlockX = 16;
constexpr double kLargestLabel = 32767.0;

template <typename T>
T Swapped(T value) {
  auto raw = std::bit_cast<std::array<unsigned char, sizeof(T)>>(value);
  std::reverse(raw.begin(), raw.end());
  return std::bit_cast<T>(raw);
}

// What a stored number becomes, and whether it may stand in the result; whole numbers that are not
// scaled, as in most label maps, need no rounding.
struct IntensityRule {
  using Result = float;
  static bool Accepts(double) { return true; }
  static float From(double value) { return static_cast<float>(value); }
  static bool AcceptsWhole(int) { return true; }
  static float FromWhole(int value) { return static_cast<float>(value); }
};
struct LabelRule {
  using Result = int16_t;
  // A slope such as 0.1 leaves rounding of its float32 behind.
  static bool Accepts(double value) {
    const double slack = 1e-6 * std::max(1.0, std::abs(value));
    return std::abs(value - std::round(value)) <= slack && value > -0.5 &&
           value < kLargestLabel + 0.5;
  }
  static int16_t From(double value) { return static_cast<int16_t>(std::llround(value)); }
  static bool AcceptsWhole(int value) {
    return value >= 0 && value <= static_cast<int>(kLargestLabel);
  }
  static int16_t FromWhole(int value) { return static_cast<int16_t>(value); }
};

template <typename T>
double ValueOf(T raw, const StoredVoxels& stored) {
  const T value = stored.swap_bytes ? Swapped(raw) : raw;
  return static_cast<double>(value) * stored.slope + stored.intercept;
}

// Whether every stored number is what it says and fits an int.
template <typename T>
bool IsWhole(const StoredVoxels& stored) {
  return std::is_integral_v<T> && sizeof(T) <= 2 && !stored.swap_bytes && stored.slope == 1.0 &&
         stored.intercept == 0.0;
}

// Moves slices [z0, z0 + num_z) into the result, in blocks that use whole cache lines of both.
template <typename Rule, bool kWhole, typename T>
void MoveSlab(const T* slab,
              const StoredVoxels& stored,
              int64_t z0,
              int64_t num_z,
              typename Rule::Result* result,
              std::atomic<bool>& refused) {
  const XyzInt& size_vox = stored.size_vox;
  ParallelFor(size_vox.y, 4, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t x0 = 0; x0 < size_vox.x; x0 += kBlockX) {
        const int64_t x1 = std::min(x0 + kBlockX, size_vox.x);
        for (int64_t x = x0; x < x1; ++x) {
          typename Rule::Result* out = result + (x * size_vox.y + y) * size_vox.z + z0;
          for (int64_t z = 0; z < num_z; ++z) {
            const T raw = slab[(z * size_vox.y + y) * size_vox.x + x];
            if constexpr (kWhole) {
              if (!Rule::AcceptsWhole(static_cast<int>(raw))) refused = true;
              out[z] = Rule::FromWhole(static_cast<int>(raw));
            } else {
              const double value = ValueOf(raw, stored);
              if (!Rule::Accepts(value)) {
                refused = true;
                continue;
              }
              out[z] = Rule::From(value);
            }
          }
        }
      }
    }
  });
}

// Names the first value of the slab that is not a label.
template <typename T>
[[noreturn]] void FailOnLabel(
    const T* slab, const StoredVoxels& stored, int64_t z0, int64_t num_z, const std::string& name) {
  const XyzInt& size_vox = stored.size_vox;
  const int64_t slice = size_vox.x * size_vox.y;
  int64_t i = 0;
  while (i < slice * num_z && LabelRule::Accepts(ValueOf(slab[i], stored))) ++i;
  SAP_CHECK(i < slice * num_z);
  Fail(
      ErrorKind::kInput,
      "{}: voxel ({}, {}, {}) is {}; labels are whole numbers of 0 to {}: is this a label map, and "
      "was it resampled with interpolation?",
      name,
      i % size_vox.x,
      i / size_vox.x % size_vox.y,
      z0 + i / slice,
      ValueOf(slab[i], stored),
      kLargestLabel);
}

template <typename Rule, typename T>
void ReadAll(const StoredVoxels& stored,
             const ByteSink& read,
             typename Rule::Result* result,
             const std::string& name) {
  const int64_t slice = stored.size_vox.x * stored.size_vox.y;
  std::vector<T> slab(static_cast<std::size_t>(slice * std::min(kSlabSlices, stored.size_vox.z)));
  std::atomic<bool> refused{false};
  for (int64_t z0 = 0; z0 < stored.size_vox.z; z0 += kSlabSlices) {
    const int64_t num_z = std::min(kSlabSlices, stored.size_vox.z - z0);
    read(slab.data(), slice * num_z * static_cast<int64_t>(sizeof(T)));
    if (IsWhole<T>(stored)) {
      MoveSlab<Rule, true>(slab.data(), stored, z0, num_z, result, refused);
    } else {
      MoveSlab<Rule, false>(slab.data(), stored, z0, num_z, result, refused);
    }
    if (refused) FailOnLabel(slab.data(), stored, z0, num_z, name);
  }
}

template <typename T>
void WriteAll(const T* data,
              const XyzInt& size_vox,
              const std::function<void(const void* from, int64_t size)>& write) {
  constexpr int64_t kSlices = kCacheLineBytes / static_cast<int64_t>(sizeof(T));
  const int64_t slice = size_vox.x * size_vox.y;
  std::vector<T> slab(static_cast<std::size_t>(slice * std::min(kSlices, size_vox.z)));
  for (int64_t z0 = 0; z0 < size_vox.z; z0 += kSlices) {
    const int64_t num_z = std::min(kSlices, size_vox.z - z0);
    ParallelFor(size_vox.y, 4, [&](int64_t begin, int64_t end) {
      for (int64_t y = begin; y < end; ++y) {
        for (int64_t x0 = 0; x0 < size_vox.x; x0 += kBlockX) {
          const int64_t x1 = std::min(x0 + kBlockX, size_vox.x);
          for (int64_t z = 0; z < num_z; ++z) {
            const T* in = data + y * size_vox.z + z0 + z;
            T* out = slab.data() + (z * size_vox.y + y) * size_vox.x;
            for (int64_t x = x0; x < x1; ++x) out[x] = in[x * size_vox.y * size_vox.z];
          }
        }
      }
    });
    write(slab.data(), slice * num_z * static_cast<int64_t>(sizeof(T)));
  }
}

}  // namespace

Tensor TensorFromStream(const StoredVoxels& stored,
                        VoxelTarget target,
                        const ByteSink& read,
                        const std::string& name) {
  const bool is_labels = target == VoxelTarget::kLabels;
  Tensor result_XYZ = at::empty({stored.size_vox.x, stored.size_vox.y, stored.size_vox.z},
                                is_labels ? at::kShort : at::kFloat);
  VisitVoxelType(stored.type, [&](auto zero) {
    using T = decltype(zero);
    if (is_labels) {
      ReadAll<LabelRule, T>(stored, read, result_XYZ.data_ptr<int16_t>(), name);
    } else {
      ReadAll<IntensityRule, T>(stored, read, result_XYZ.data_ptr<float>(), name);
    }
  });
  return result_XYZ;
}

void StreamFromTensor(const Tensor& data_XYZ,
                      const std::function<void(const void* from, int64_t size)>& write) {
  SAP_CHECK(data_XYZ.is_contiguous() && data_XYZ.dim() == 3);
  const XyzInt size_vox{data_XYZ.size(0), data_XYZ.size(1), data_XYZ.size(2)};
  const void* data = data_XYZ.data_ptr();
  switch (data_XYZ.element_size()) {
    case 1:
      return WriteAll(static_cast<const uint8_t*>(data), size_vox, write);
    case 2:
      return WriteAll(static_cast<const uint16_t*>(data), size_vox, write);
    case 4:
      return WriteAll(static_cast<const uint32_t*>(data), size_vox, write);
    default:
      SAP_CHECK(false, "{} is not a voxel type to write", ShapeString(data_XYZ));
  }
}

}  // namespace sap
