// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "image/voxel_type.h"
#include "sap/core/tensor.h"
#include "sap/image/geometry.h"

namespace sap {

// How voxels stand in a file: x fastest, z slowest.
struct StoredVoxels {
  XyzInt size_vox;
  VoxelType type = VoxelType::kUint8;
  bool swap_bytes = false;
  double slope = 1.0;
  double intercept = 0.0;
};

enum class VoxelTarget {
  kIntensity,  // float32
  kLabels,     // int16, whole numbers of 0 to 32767 only
};

// Delivers exactly `size` bytes of the file, in order, or throws.
using ByteSink = std::function<void(void* to, int64_t size)>;

// Turns x-fastest voxels into a contiguous [X, Y, Z] tensor, a few slices at a time: apart from the
// result it holds a buffer of 16 slices. `name` is for messages (kInput).
Tensor TensorFromStream(const StoredVoxels& stored,
                        VoxelTarget target,
                        const ByteSink& read,
                        const std::string& name);

// The way back: hands the voxels of a contiguous [X, Y, Z] tensor to `write` x-fastest.
void StreamFromTensor(const Tensor& data_XYZ,
                      const std::function<void(const void* from, int64_t size)>& write);

}  // namespace sap
