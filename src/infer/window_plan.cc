// SPDX-License-Identifier: Apache-2.0
#include "infer/window_plan.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::infer {

std::vector<int64_t> WindowStarts(int64_t size_vox, int64_t window_vox, double overlap_frac) {
  SAP_CHECK(window_vox > 0 && size_vox >= window_vox, "{} voxels, window {}", size_vox, window_vox);
  // MONAI truncates the product of doubles; an exact fraction would place other windows.
  const int64_t step_vox =
      size_vox == window_vox
          ? window_vox
          : std::max<int64_t>(
                1, static_cast<int64_t>(static_cast<double>(window_vox) * (1.0 - overlap_frac)));
  std::vector<int64_t> starts;
  for (int64_t start = 0;; start += step_vox) {
    starts.push_back(std::min(start, size_vox - window_vox));
    if (start + window_vox >= size_vox) return starts;
  }
}

WindowPlan PlanWindows(const XyzInt& size_vox, const SlidingWindowOptions& options) {
  WindowPlan plan{.size_vox = size_vox, .window_vox = options.window_vox};
  for (std::size_t a = 0; a < 3; ++a) {
    const int64_t missing = std::max<int64_t>(0, plan.window_vox[a] - size_vox[a]);
    plan.padded_vox[a] = size_vox[a] + missing;
    plan.pad_before_vox[a] = missing / 2;
    plan.starts_vox[a] = WindowStarts(plan.padded_vox[a], plan.window_vox[a], options.overlap_frac);
  }
  return plan;
}

Tensor PadToPlan(const Tensor& volume, const WindowPlan& plan) {
  if (plan.padded_vox == plan.size_vox) return volume;
  std::vector<int64_t> pad;  // last axis first
  for (std::size_t a : {2, 1, 0}) {
    pad.push_back(plan.pad_before_vox[a]);
    pad.push_back(plan.padded_vox[a] - plan.size_vox[a] - plan.pad_before_vox[a]);
  }
  return at::constant_pad_nd(volume, pad, 0);
}

Tensor WindowOf(const Tensor& padded, const WindowPlan& plan, const XyzInt& start_vox) {
  Tensor window = padded;
  for (std::size_t a = 0; a < 3; ++a) {
    window =
        window.narrow(padded.dim() - 3 + static_cast<int64_t>(a), start_vox[a], plan.window_vox[a]);
  }
  return window;
}

std::vector<XyzInt> WindowsOfSlab(const WindowPlan& plan,
                                  int axis,
                                  int64_t slab_start_vox,
                                  const Tensor& padded_mask_XYZ) {
  std::array<std::vector<int64_t>, 3> starts = plan.starts_vox;
  starts[static_cast<std::size_t>(axis)] = {slab_start_vox};
  std::vector<XyzInt> windows;
  for (const int64_t x : starts[0]) {
    for (const int64_t y : starts[1]) {
      for (const int64_t z : starts[2]) {
        const XyzInt start_vox{x, y, z};
        const bool evaluate = !padded_mask_XYZ.defined() ||
                              WindowOf(padded_mask_XYZ, plan, start_vox).any().item<bool>();
        if (evaluate) windows.push_back(start_vox);
      }
    }
  }
  return windows;
}

}  // namespace sap::infer
