// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap::data {

// The augmentation of the authors' fine-tuning (specs/preprocessing.md §2.2), in this order:
// flips, quarter turns in the X-Y plane, intensity scale, intensity shift.
struct AugmentOptions {
  double flip_prob = 0.5;
  double rot90_prob = 0.2;
  double scale_prob = 0.1;
  double scale_range = 0.1;
  double shift_prob = 0.1;
  double shift_range = 0.1;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("flip_prob", flip_prob).Help("chance of a flip, each axis on its own").Range(0, 1);
    v.Field("rot90_prob", rot90_prob).Help("chance of 1 to 3 quarter turns in X-Y").Range(0, 1);
    v.Field("scale_prob", scale_prob).Help("chance of an intensity factor").Range(0, 1);
    v.Field("scale_range", scale_range).Help("factor is 1 + U(-range, range)").Range(0, 0.9);
    v.Field("shift_prob", shift_prob).Help("chance of an intensity offset").Range(0, 1);
    v.Field("shift_range", shift_range).Help("offset is U(-range, range)").Range(0, 10);
  }
};

// One drawn augmentation; the default changes nothing. One factor serves all channels.
struct PatchTransform {
  std::array<bool, 3> flip{};
  int num_quarter_turns = 0;  // numpy's rot90(k) in axes (X, Y), after the flips
  float scale = 1.0F;
  float shift = 0.0F;
  bool operator==(const PatchTransform&) const = default;
};

// Draws depend on (seed, epoch, sample_id) alone: the same for any number of workers and ranks.
// A patch that is not square in X-Y gets only half turns.
PatchTransform DrawTransform(const AugmentOptions& options,
                             const XyzInt& patch_size_vox,
                             uint64_t seed,
                             uint64_t epoch,
                             uint64_t sample_id);

// The plain form, by tensor operations. image_CXYZ: float32; label_XYZ: any dtype. The loader
// fuses the same transform into the copy from the volume store.
Tensor TransformImage(const Tensor& image_CXYZ, const PatchTransform& transform);
Tensor TransformLabel(const Tensor& label_XYZ, const PatchTransform& transform);

}  // namespace sap::data
