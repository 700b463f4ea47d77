// SPDX-License-Identifier: Apache-2.0
// Sliding windows over volumes (swin_unetr §3). Shapes: B windows, C channels, K classes, X Y Z
// array axes of the volume.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"

namespace sap::infer {

// Logits [B, K, x, y, z] of windows [B, C, x, y, z]; may compute on another device or dtype.
using Predictor = std::function<Tensor(const Tensor& window_BCXYZ)>;

enum class Blend { kConstant, kGaussian };

struct SlidingWindowOptions {
  XyzInt window_vox{96, 96, 96};
  double overlap_frac = 0.5;
  int windows_per_batch = 4;
  Blend blend = Blend::kConstant;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("roi_size", window_vox).Help("window edges [voxels]").MultipleOf(32);
    v.Field("overlap", overlap_frac)
        .Help("shared part of neighbouring windows [fraction]")
        .Range(0.0, 0.99);
    v.Field("sw_batch_size", windows_per_batch).Help("windows per forward pass").Range(1, 256);
    v.Field("blend", blend).Help("weight of a window's voxels where windows overlap");
  }
};

// First voxels of the windows along one axis of size_vox >= window_vox voxels, in order: steps of
// int(window * (1 - overlap)), the last one moved back so that it ends with the volume (§3.1).
std::vector<int64_t> WindowStarts(int64_t size_vox, int64_t window_vox, double overlap_frac);

// Weight of each voxel of a window, float32 [x, y, z]: ones, or the Gaussian of §3.2.
Tensor ImportanceMap(const XyzInt& window_vox, Blend blend);

// Logits of a voxel that no window covers or that lies outside the body: 0 for background (class
// 0) and this for the others, so that softmax gives exactly (1, 0, ...).
inline constexpr float kBackgroundLogit = -200.0F;

// Runs `predict` over overlapping windows and blends the logits (§3.1, as MONAI): axes smaller
// than the window are zero-padded, half of it before, and cropped again.
// image_CXYZ: float, any device. body_mask_XYZ (optional, bool): windows without a body voxel are
// not evaluated, and outside the mask the result IS background by definition; inside it every
// logit equals the one without a mask. Returns float32 [K, X, Y, Z] on the image's device.
Tensor StitchWindows(const Tensor& image_CXYZ,
                     const Predictor& predict,
                     const SlidingWindowOptions& options,
                     const Tensor& body_mask_XYZ = {});

// A finished part of the volume: logits_KXYZ covers begin_vox to begin_vox + its size along
// `axis`, and the other two axes whole. The tensor is only valid during the call.
using SlabSink = std::function<void(int64_t begin_vox, const Tensor& logits_KXYZ)>;
using WindowCount = std::function<void(int64_t done, int64_t total)>;

// The same, handed over slab by slab along `axis` (0, 1 or 2), so that only K * window *
// (the other two axes) logits are held at a time. `on_windows` hears how many windows are done.
void StitchSlabs(const Tensor& image_CXYZ,
                 const Predictor& predict,
                 const SlidingWindowOptions& options,
                 const Tensor& body_mask_XYZ,
                 int axis,
                 const SlabSink& sink,
                 const WindowCount& on_windows = {});

// Windows that StitchWindows would evaluate, and all windows, of a volume.
struct WindowNumbers {
  int64_t evaluated = 0;
  int64_t all = 0;
};
WindowNumbers CountWindows(const XyzInt& size_vox,
                           const SlidingWindowOptions& options,
                           const Tensor& body_mask_XYZ = {});

}  // namespace sap::infer

template <>
struct sap::EnumNames<sap::infer::Blend> {
  static constexpr std::pair<sap::infer::Blend, std::string_view> kNames[] = {
      {sap::infer::Blend::kConstant, "constant"}, {sap::infer::Blend::kGaussian, "gaussian"}};
};
