// SPDX-License-Identifier: Apache-2.0
#include "sap/data/augment.h"

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::data {
namespace {

// One key per transform: a change to one transform leaves the draws of the others alone.
enum Draw : uint32_t { kFlipX = 0, kFlipY, kFlipZ, kTurn, kScale, kShift, kDropout };

Tensor Move(Tensor data, const PatchTransform& transform) {
  const int64_t x_dim = data.dim() - 3;
  std::vector<int64_t> flipped;
  for (int64_t a = 0; a < 3; ++a) {
    if (transform.flip[static_cast<std::size_t>(a)]) flipped.push_back(x_dim + a);
  }
  if (!flipped.empty()) data = at::flip(data, flipped);
  return at::rot90(data, transform.num_quarter_turns, {x_dim, x_dim + 1}).contiguous();
}

// Evenly one of the sets of channels that are neither empty nor whole, as bits.
uint64_t DrawLostChannels(int64_t num_channels, Rng& rng) {
  const int64_t whole = (int64_t{1} << num_channels) - 1;
  const int64_t kept = rng.UniformInt(1, whole);
  return static_cast<uint64_t>(whole & ~kept);
}

}  // namespace

void CheckAugment(const AugmentOptions& options, int64_t num_channels) {
  SAP_REQUIRE(ErrorKind::kOption,
              options.modality_dropout == 0 || (num_channels >= 2 && num_channels <= 62),
              "augment.modality_dropout: {:g} needs 2 to 62 channels, because a patch keeps at "
              "least one, and data.modalities names {}; set it to 0 or add a modality",
              options.modality_dropout,
              num_channels);
}

PatchTransform DrawTransform(const AugmentOptions& options,
                             const XyzInt& patch_size_vox,
                             int64_t num_channels,
                             uint64_t seed,
                             uint64_t epoch,
                             uint64_t sample_id) {
  const auto rng = [&](uint32_t transform) {
    return Rng({.seed = seed,
                .stream = Stream::kAugment,
                .epoch = epoch,
                .sample = sample_id,
                .transform = transform});
  };
  PatchTransform drawn;
  for (uint32_t axis = 0; axis < 3; ++axis) {
    drawn.flip[axis] = rng(kFlipX + axis).Bernoulli(options.flip_prob);
  }
  if (Rng turn = rng(kTurn); turn.Bernoulli(options.rot90_prob)) {
    const bool square = patch_size_vox.x == patch_size_vox.y;
    drawn.num_quarter_turns = square ? static_cast<int>(turn.UniformInt(1, 4)) : 2;
  }
  if (Rng scale = rng(kScale); scale.Bernoulli(options.scale_prob)) {
    drawn.scale =
        static_cast<float>(1.0 + scale.Uniform(-options.scale_range, options.scale_range));
  }
  if (Rng shift = rng(kShift); shift.Bernoulli(options.shift_prob)) {
    drawn.shift = static_cast<float>(shift.Uniform(-options.shift_range, options.shift_range));
  }
  if (Rng dropout = rng(kDropout); dropout.Bernoulli(options.modality_dropout)) {
    drawn.lost_channels = DrawLostChannels(num_channels, dropout);
  }
  return drawn;
}

Tensor TransformImage(const Tensor& image_CXYZ, const PatchTransform& transform) {
  Tensor transformed_CXYZ = Move(image_CXYZ, transform).mul(transform.scale).add(transform.shift);
  for (int64_t c = 0; c < transformed_CXYZ.size(0); ++c) {
    if (transform.Loses(c)) transformed_CXYZ[c].zero_();
  }
  return transformed_CXYZ;
}

Tensor TransformLabel(const Tensor& label_XYZ, const PatchTransform& transform) {
  return Move(label_XYZ, transform);
}

}  // namespace sap::data
