// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/swin_block.h"

#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "nn/checkpoint.h"

namespace sap::nn {

Tensor DropPath(const Tensor& x, double rate, bool training) {
  if (rate == 0.0 || !training) return x;
  const double keep = 1.0 - rate;
  std::vector<int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  return x * at::empty(shape, x.options()).bernoulli_(keep).div_(keep);
}

MlpImpl::MlpImpl(int64_t channels, double drop_rate) : drop_rate_(drop_rate) {
  linear1_ = register_module("linear1", torch::nn::Linear(channels, 4 * channels));
  linear2_ = register_module("linear2", torch::nn::Linear(4 * channels, channels));
}

Tensor MlpImpl::forward(const Tensor& x_BVE) {
  const Tensor hidden = at::dropout(at::gelu(linear1_->forward(x_BVE)), drop_rate_, is_training());
  return at::dropout(linear2_->forward(hidden), drop_rate_, is_training());
}

SwinBlockImpl::SwinBlockImpl(const SwinBlockOptions& options, std::shared_ptr<WindowMapCache> maps)
    : options_(options), maps_(std::move(maps)) {
  const int64_t channels = options.attention.channels;
  const torch::nn::LayerNormOptions norm_options({channels});
  norm1_ = register_module("norm1", torch::nn::LayerNorm(norm_options));
  attn_ = register_module("attn", WindowAttention(options.attention));
  norm2_ = register_module("norm2", torch::nn::LayerNorm(norm_options));
  mlp_ = register_module("mlp", Mlp(channels, options.mlp_drop_rate));
}

Tensor SwinBlockImpl::forward(const Tensor& x_BXYZC) {
  const XyzInt grid = {x_BXYZC.size(1), x_BXYZC.size(2), x_BXYZC.size(3)};
  const auto map = maps_->Get(grid, options_.shifted, x_BXYZC.device());
  const Tensor x_BVE = x_BXYZC.flatten(1, 3);
  const auto run = [this, map](const Tensor& x) { return Residuals(x, *map); };
  const bool recompute = options_.activation_checkpointing && is_training();
  return (recompute ? Checkpoint(run, x_BVE) : run(x_BVE)).view(x_BXYZC.sizes());
}

Tensor SwinBlockImpl::Residuals(const Tensor& x_BVE, const WindowMap& map) {
  const double rate = options_.drop_path_rate;
  const Tensor attended_BVE =
      x_BVE + DropPath(attn_->forward(norm1_->forward(x_BVE), map), rate, is_training());
  const Tensor mlp_BVE = mlp_->forward(norm2_->forward(attended_BVE));
  return attended_BVE + DropPath(mlp_BVE, rate, is_training());
}

}  // namespace sap::nn
