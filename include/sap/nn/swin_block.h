// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/window.h"
#include "sap/nn/window_attention.h"

// One transformer block (swin_unetr §1.6). Shapes as in window.h; tokens are [B, X, Y, Z, C],
// contiguous.
namespace sap::nn {

// Stochastic depth: drops whole samples of a residual branch with probability `rate` and scales
// the kept ones by 1/(1 - rate). x: batch first. Identity when rate is 0 or not training.
Tensor DropPath(const Tensor& x, double rate, bool training);

struct SwinBlockOptions {
  WindowAttentionOptions attention;
  bool shifted = false;
  double mlp_drop_rate = 0.0;
  double drop_path_rate = 0.0;
  bool activation_checkpointing = false;
};

// Linear C -> 4C, exact GELU, linear 4C -> C. State: linear1, linear2.
class MlpImpl : public torch::nn::Module {
 public:
  MlpImpl(int64_t channels, double drop_rate);
  Tensor forward(const Tensor& x_BVE);

 private:
  double drop_rate_;
  torch::nn::Linear linear1_ = nullptr;
  torch::nn::Linear linear2_ = nullptr;
};
TORCH_MODULE(Mlp);

// State: norm1, attn, norm2, mlp.
class SwinBlockImpl : public torch::nn::Module {
 public:
  SwinBlockImpl(const SwinBlockOptions& options, std::shared_ptr<WindowMapCache> maps);

  // [B, X, Y, Z, C] -> the same shape.
  Tensor forward(const Tensor& x_BXYZC);

 private:
  Tensor Residuals(const Tensor& x_BVE, const WindowMap& map);

  SwinBlockOptions options_;
  std::shared_ptr<WindowMapCache> maps_;
  torch::nn::LayerNorm norm1_ = nullptr;
  WindowAttention attn_ = nullptr;
  torch::nn::LayerNorm norm2_ = nullptr;
  Mlp mlp_ = nullptr;
};
TORCH_MODULE(SwinBlock);

}  // namespace sap::nn
