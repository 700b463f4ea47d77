// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/infer/sliding_window.h"

namespace sap::infer {

// Where the windows of one volume lie. Starts are in the padded volume.
struct WindowPlan {
  XyzInt size_vox;        // of the volume
  XyzInt padded_vox;      // at least the window on each axis
  XyzInt pad_before_vox;  // half of the padding, rounded down
  XyzInt window_vox;
  std::array<std::vector<int64_t>, 3> starts_vox;
};

WindowPlan PlanWindows(const XyzInt& size_vox, const SlidingWindowOptions& options);

// Volume [.., X, Y, Z] with the plan's zero padding on its last three axes.
Tensor PadToPlan(const Tensor& volume, const WindowPlan& plan);

// The window's part of padded [.., X, Y, Z]: a view.
Tensor WindowOf(const Tensor& padded, const WindowPlan& plan, const XyzInt& start_vox);

// Starts of the windows whose first voxel along `axis` is slab_start_vox and that hold a body
// voxel (all of them without a mask), axis 0 slowest.
std::vector<XyzInt> WindowsOfSlab(const WindowPlan& plan,
                                  int axis,
                                  int64_t slab_start_vox,
                                  const Tensor& padded_mask_XYZ);

}  // namespace sap::infer
