// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/swin_options.h"
#include "sap/nn/window.h"

// Multi-head attention inside windows with a learned relative position bias (swin_unetr §1.5).
// Shapes: as in window.h; T = 13^3 = 2197 relative positions, h heads, d channels of a head.
namespace sap::nn {

inline constexpr int64_t kNumRelativePositions = 2197;

// int64 [343, 343]: row of the bias table for query p and key q of a 7x7x7 window. Windows with
// fewer tokens use its top-left block, although their tokens then decode to other places: the
// published weights were trained so.
Tensor RelativePositionIndex();

// Plain ATen, any floating dtype and device.
// qkv_MNE [M, N, 3C], channel = which*C + head*d + e; table_Th [2197, h]; region_WN int32 [W, N]
// with M a multiple of W (pairs of different labels get -100 added to their score), or nothing.
// dropout_p acts on the softmax. Returns [M, N, C]. Differentiable in qkv and table.
Tensor ReferenceWindowAttention(const Tensor& qkv_MNE,
                                const Tensor& table_Th,
                                const std::optional<Tensor>& region_WN,
                                int64_t num_heads,
                                double dropout_p);

struct WindowAttentionOptions {
  int64_t channels = 0;
  int64_t num_heads = 0;
  double attn_drop_rate = 0.0;
  double proj_drop_rate = 0.0;
  Kernels kernels = Kernels::kFused;
};

// The whole sublayer on a token grid. State: relative_position_bias_table,
// relative_position_index (buffer), qkv, proj.
class WindowAttentionImpl : public torch::nn::Module {
 public:
  explicit WindowAttentionImpl(const WindowAttentionOptions& options);

  // x_BVE, normalised tokens of the grid that `map` was built for -> the same shape. Padding
  // tokens are zeros in front of qkv: their q, k, v are the bias of qkv, and they do take part
  // as keys and values. So qkv runs on real tokens only and the bias fills the rest.
  Tensor forward(const Tensor& x_BVE, const WindowMap& map);

  // Module::to would turn the index buffer into floating point.
  using torch::nn::Module::to;
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool non_blocking = false) override;

 private:
  void RestoreIndexType();

  WindowAttentionOptions options_;
  Tensor table_Th_;
  Tensor index_NN_;
  torch::nn::Linear qkv_ = nullptr;
  torch::nn::Linear proj_ = nullptr;
};
TORCH_MODULE(WindowAttention);

}  // namespace sap::nn
