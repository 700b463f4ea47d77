// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/swin_stage.h"

#include <ATen/ATen.h>

namespace sap::nn {
namespace {

SwinBlockOptions BlockOptions(const SwinStageOptions& stage, int64_t block) {
  SwinBlockOptions options;
  options.attention = {.channels = stage.channels,
                       .num_heads = stage.num_heads,
                       .attn_drop_rate = stage.network.attn_drop_rate,
                       .proj_drop_rate = stage.network.drop_rate,
                       .kernels = stage.network.kernels};
  options.shifted = block % 2 == 1;
  options.mlp_drop_rate = stage.network.drop_rate;
  options.drop_path_rate = stage.drop_path_rates[static_cast<std::size_t>(block)];
  options.activation_checkpointing = stage.network.activation_checkpointing;
  return options;
}

}  // namespace

SwinStageImpl::SwinStageImpl(const SwinStageOptions& options,
                             std::shared_ptr<WindowMapCache> maps) {
  blocks_ = register_module("blocks", torch::nn::ModuleList());
  for (int64_t b = 0; b < kBlocksPerStage; ++b) {
    blocks_->push_back(SwinBlock(BlockOptions(options, b), maps));
  }
  downsample_ =
      register_module("downsample", PatchMerge(options.channels, options.network.patch_merging));
}

Tensor SwinStageImpl::forward(const Tensor& x_BXYZC) {
  Tensor tokens_BXYZC = x_BXYZC;
  for (const auto& block : *blocks_) {
    tokens_BXYZC = block->as<SwinBlockImpl>()->forward(tokens_BXYZC);
  }
  return downsample_->forward(tokens_BXYZC);
}

}  // namespace sap::nn
