// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/patch_embed.h"
#include "sap/nn/swin_block.h"
#include "sap/nn/swin_options.h"
#include "sap/nn/window.h"

namespace sap::nn {

inline constexpr int64_t kBlocksPerStage = 2;

struct SwinStageOptions {
  int64_t channels = 0;
  int64_t num_heads = 0;
  std::array<double, kBlocksPerStage> drop_path_rates{};
  SwinUnetrOptions network;  // what all stages share
};

// Two blocks, the second with shifted windows, then a patch merging: every stage has one, the
// last too (swin_unetr §1.2). State: blocks.0, blocks.1, downsample.
class SwinStageImpl : public torch::nn::Module {
 public:
  SwinStageImpl(const SwinStageOptions& options, std::shared_ptr<WindowMapCache> maps);

  // [B, X, Y, Z, C] contiguous -> [B, X/2, Y/2, Z/2, 2C].
  Tensor forward(const Tensor& x_BXYZC);

 private:
  torch::nn::ModuleList blocks_ = nullptr;
  PatchMerge downsample_ = nullptr;
};
TORCH_MODULE(SwinStage);

}  // namespace sap::nn
