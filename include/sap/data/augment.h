// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap::data {

// The augmentation of the authors' fine-tuning (specs/preprocessing.md §2.2), in this order:
// flips, quarter turns in the X-Y plane, intensity scale, intensity shift. Then, and not theirs,
// modality dropout, for networks that must do with some of the sequences.
struct AugmentOptions {
  double flip_prob = 0.5;
  double rot90_prob = 0.2;
  double scale_prob = 0.1;
  double scale_range = 0.1;
  double shift_prob = 0.1;
  double shift_range = 0.1;
  double modality_dropout = 0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("flip_prob", flip_prob).Help("chance of a flip, each axis on its own").Range(0, 1);
    v.Field("rot90_prob", rot90_prob).Help("chance of 1 to 3 quarter turns in X-Y").Range(0, 1);
    v.Field("scale_prob", scale_prob).Help("chance of an intensity factor").Range(0, 1);
    v.Field("scale_range", scale_range).Help("factor is 1 + U(-range, range)").Range(0, 0.9);
    v.Field("shift_prob", shift_prob).Help("chance of an intensity offset").Range(0, 1);
    v.Field("shift_range", shift_range).Help("offset is U(-range, range)").Range(0, 10);
    v.Field("modality_dropout", modality_dropout)
        .Help("chance that a patch loses some of its channels; at least one stays")
        .Range(0, 1);
  }
};

// One drawn augmentation; the default changes nothing. One factor serves all channels.
struct PatchTransform {
  std::array<bool, 3> flip{};
  int num_quarter_turns = 0;  // numpy's rot90(k) in axes (X, Y), after the flips
  float scale = 1.0F;
  float shift = 0.0F;
  uint64_t lost_channels = 0;  // bit c: channel c is background, 0 whatever scale and shift are
  bool Loses(int64_t channel) const {
    return channel < 64 && ((lost_channels >> channel) & uint64_t{1}) != 0;
  }
  bool operator==(const PatchTransform&) const = default;
};

// kOption when modality_dropout is on and the cohort has one channel, which no patch can lose (or
// more than 62, the bits of a draw).
void CheckAugment(const AugmentOptions& options, int64_t num_channels);

// Draws depend on (seed, epoch, sample_id) alone: the same for any number of workers and ranks.
// A patch that is not square in X-Y gets only half turns. When modality dropout fires, the channels
// that stay are one of the 2^C - 2 sets that are neither empty nor whole, all equally likely: of
// T1 and b1000 either alone, of three channels each one and each pair. The options must have
// passed CheckAugment.
PatchTransform DrawTransform(const AugmentOptions& options,
                             const XyzInt& patch_size_vox,
                             int64_t num_channels,
                             uint64_t seed,
                             uint64_t epoch,
                             uint64_t sample_id);

// The plain form, by tensor operations. image_CXYZ: float32; label_XYZ: any dtype. The loader
// fuses the same transform into the copy from the volume store.
Tensor TransformImage(const Tensor& image_CXYZ, const PatchTransform& transform);
Tensor TransformLabel(const Tensor& label_XYZ, const PatchTransform& transform);

}  // namespace sap::data
