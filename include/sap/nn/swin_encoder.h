// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/patch_embed.h"
#include "sap/nn/swin_options.h"
#include "sap/nn/swin_stage.h"
#include "sap/nn/unetr_blocks.h"

namespace sap::nn {

inline constexpr int64_t kNumStages = 4;

// h_0 .. h_4: [B, C*2^k, X/2^(k+1), Y/2^(k+1), Z/2^(k+1)], channels-last in memory, each a copy
// normalised over channels without parameters.
using Hidden = std::array<Tensor, kNumStages + 1>;

// The Swin transformer (swin_unetr §1.2 to §1.8, §1.12). State: patch_embed, layers1..4 (each a
// list of one stage) [, layers1c..4c].
class SwinEncoderImpl : public torch::nn::Module {
 public:
  explicit SwinEncoderImpl(const SwinUnetrOptions& options);

  // image_BCXYZ: floating, any device. Each stage consumes the raw output of the one before; only
  // what leaves the encoder is normalised (§1.8).
  Hidden forward(const Tensor& image_BCXYZ);

 private:
  void AddStage(int64_t stage, const std::shared_ptr<WindowMapCache>& maps);

  SwinUnetrOptions options_;
  PatchEmbed patch_embed_ = nullptr;
  std::vector<SwinStage> stages_;
  std::vector<UnetrBasicBlock> convs_;  // use_v2 only: one in front of each stage
  std::vector<torch::nn::ModuleList> stage_lists_;
  std::vector<torch::nn::ModuleList> conv_lists_;
};
TORCH_MODULE(SwinEncoder);

}  // namespace sap::nn
