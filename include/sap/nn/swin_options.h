// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "sap/core/enum_names.h"

// What decides the numbers of a Swin UNETR. Light on purpose: checkpoints, configs and weight
// importers record these without the network's headers.
namespace sap::nn {

// Order in which 2x2x2 neighbours are stacked before each halving of the grid (swin_unetr §1.7).
// All three have the same parameter names and shapes, so a checkpoint cannot tell them apart.
enum class PatchMerging {
  kLegacy,  // published weights of 2022 to 2024; reads two neighbours twice and two never
  kFixed,   // MONAI 1.5.0 and later
  kV2,      // MONAI's "mergingv2"
};

// Which code computes window attention and instance norms; the numbers agree within rounding.
enum class Kernels {
  kFused,      // our own kernels where they serve the tensor at hand
  kReference,  // plain ATen
};

struct SwinUnetrOptions {
  int64_t in_channels = 2;
  int64_t out_channels = 2;
  int64_t feature_size = 48;
  PatchMerging patch_merging = PatchMerging::kLegacy;
  bool use_v2 = false;
  double drop_rate = 0.0;
  double attn_drop_rate = 0.0;
  double drop_path_rate = 0.0;
  bool activation_checkpointing = false;
  Kernels kernels = Kernels::kFused;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("in_channels", in_channels).Help("image channels (T1, b1000)").AtLeast(1);
    v.Field("out_channels", out_channels).Help("classes, background included").AtLeast(1);
    v.Field("feature_size", feature_size).Help("channels at half resolution").MultipleOf(12);
    v.Field("patch_merging", patch_merging)
        .Help("stacking order of neighbours; imported SAP and SSL weights need legacy");
    v.Field("use_v2", use_v2).Help("a residual convolution block before each Swin stage");
    v.Field("drop_rate", drop_rate).Help("dropout on tokens, projections, MLPs").Range(0.0, 0.95);
    v.Field("attn_drop_rate", attn_drop_rate).Help("dropout on attention").Range(0.0, 0.95);
    v.Field("drop_path_rate", drop_path_rate)
        .Help("stochastic depth of the last block; earlier blocks rise linearly from 0")
        .Range(0.0, 0.95);
    v.Field("activation_checkpointing", activation_checkpointing)
        .Help("recompute Swin blocks in the backward pass: less memory, more time");
    v.Field("kernels", kernels).Help("fused: our kernels; reference: plain LibTorch");
  }
};

}  // namespace sap::nn

template <>
struct sap::EnumNames<sap::nn::PatchMerging> {
  static constexpr std::pair<nn::PatchMerging, std::string_view> kNames[] = {
      {nn::PatchMerging::kLegacy, "legacy"},
      {nn::PatchMerging::kFixed, "fixed"},
      {nn::PatchMerging::kV2, "v2"},
  };
};

template <>
struct sap::EnumNames<sap::nn::Kernels> {
  static constexpr std::pair<nn::Kernels, std::string_view> kNames[] = {
      {nn::Kernels::kFused, "fused"},
      {nn::Kernels::kReference, "reference"},
  };
};
