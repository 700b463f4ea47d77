// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/swin_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "sap/core/error.h"

namespace sap::nn {
namespace {

constexpr int64_t kHeadsOfFirstStage = 3;
constexpr double kLayerNormEps = 1e-5;

// Rates rise linearly over the blocks of the whole encoder, in fp32 as in MONAI (§1.6).
std::array<double, kBlocksPerStage> DropPathRates(double last_rate, int64_t stage) {
  const Tensor rates = at::linspace(0.0, last_rate, kNumStages * kBlocksPerStage, at::kFloat);
  std::array<double, kBlocksPerStage> result{};
  for (int64_t b = 0; b < kBlocksPerStage; ++b) {
    result[static_cast<std::size_t>(b)] = rates[stage * kBlocksPerStage + b].item<float>();
  }
  return result;
}

Tensor ChannelsLast(const Tensor& x_BCXYZ) {
  return x_BCXYZ.permute({0, 2, 3, 4, 1}).contiguous();  // free where memory is channels-last
}

Tensor ChannelsFirst(const Tensor& x_BXYZC) {
  return x_BXYZC.permute({0, 4, 1, 2, 3});
}

Tensor Normalised(const Tensor& x_BXYZC) {
  return ChannelsFirst(at::layer_norm(x_BXYZC, {x_BXYZC.size(4)}, {}, {}, kLayerNormEps));
}

}  // namespace

// The lists come first and are filled in MONAI's order: names list all stages before all
// convolutions, but draws alternate between them (§1.11).
SwinEncoderImpl::SwinEncoderImpl(const SwinUnetrOptions& options) : options_(options) {
  SAP_REQUIRE(ErrorKind::kOption,
              options.feature_size > 0 && options.feature_size % 12 == 0,
              "feature_size {} is not a positive multiple of 12 (heads 3, 6, 12, 24 must divide "
              "the channels); use 12, 24, 36 or 48",
              options.feature_size);
  SAP_REQUIRE(ErrorKind::kOption,
              options.in_channels > 0,
              "in_channels {} is below 1",
              options.in_channels);
  patch_embed_ =
      register_module("patch_embed", PatchEmbed(options.in_channels, options.feature_size));
  for (int64_t s = 1; s <= kNumStages; ++s) {
    stage_lists_.push_back(register_module(fmt::format("layers{}", s), torch::nn::ModuleList()));
  }
  for (int64_t s = 1; options.use_v2 && s <= kNumStages; ++s) {
    conv_lists_.push_back(register_module(fmt::format("layers{}c", s), torch::nn::ModuleList()));
  }
  const auto maps = std::make_shared<WindowMapCache>();
  for (int64_t s = 0; s < kNumStages; ++s) AddStage(s, maps);
}

void SwinEncoderImpl::AddStage(int64_t stage, const std::shared_ptr<WindowMapCache>& maps) {
  const int64_t channels = options_.feature_size << stage;
  SwinStageOptions options;
  options.channels = channels;
  options.num_heads = kHeadsOfFirstStage << stage;
  options.drop_path_rates = DropPathRates(options_.drop_path_rate, stage);
  options.network = options_;
  stages_.emplace_back(options, maps);
  stage_lists_[static_cast<std::size_t>(stage)]->push_back(stages_.back());
  if (!options_.use_v2) return;
  convs_.emplace_back(channels, channels, options_.kernels);
  conv_lists_[static_cast<std::size_t>(stage)]->push_back(convs_.back());
}

Hidden SwinEncoderImpl::forward(const Tensor& image_BCXYZ) {
  const Tensor embedded_BCXYZ = patch_embed_->forward(image_BCXYZ);
  Tensor x_BXYZC = at::dropout(ChannelsLast(embedded_BCXYZ), options_.drop_rate, is_training());
  Hidden hidden;
  hidden[0] = Normalised(x_BXYZC);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    if (options_.use_v2) x_BXYZC = ChannelsLast(convs_[s]->forward(ChannelsFirst(x_BXYZC)));
    x_BXYZC = stages_[s]->forward(x_BXYZC);
    hidden[s + 1] = Normalised(x_BXYZC);
  }
  return hidden;
}

}  // namespace sap::nn
