// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/window_attention.h"

#include <cmath>

#include <ATen/ATen.h>

#include "nn/ops.h"
#include "sap/core/error.h"
#include "sap/nn/init.h"

namespace sap::nn {
namespace {

Tensor BuildRelativePositionIndex() {
  const c10::InferenceMode normal_tensors(false);
  const int64_t n = kWindowEdge * kWindowEdge * kWindowEdge;
  const int64_t span = 2 * kWindowEdge - 1;
  const Tensor token_N = at::arange(n, at::kLong);
  const auto difference_NN = [&](int64_t stride) {
    const Tensor c_N = token_N.floor_divide(stride).remainder(kWindowEdge);
    return c_N.unsqueeze(1) - c_N.unsqueeze(0) + (kWindowEdge - 1);
  };
  return difference_NN(kWindowEdge * kWindowEdge) * (span * span) +
         difference_NN(kWindowEdge) * span + difference_NN(1);
}

// [h, N, N]: the learned bias of every query-key pair of a window with N tokens.
Tensor BiasOfPairs(const Tensor& table_Th, int64_t num_tokens) {
  using at::indexing::Slice;
  const Tensor index = RelativePositionIndex()
                           .index({Slice(0, num_tokens), Slice(0, num_tokens)})
                           .reshape({-1})
                           .to(table_Th.device());
  return table_Th.index_select(0, index).view({num_tokens, num_tokens, -1}).permute({2, 0, 1});
}

}  // namespace

Tensor RelativePositionIndex() {
  static const Tensor index_NN = BuildRelativePositionIndex();
  return index_NN;
}

Tensor ReferenceWindowAttention(const Tensor& qkv_MNE,
                                const Tensor& table_Th,
                                const std::optional<Tensor>& region_WN,
                                int64_t num_heads,
                                double dropout_p) {
  const int64_t num_windows = qkv_MNE.size(0);
  const int64_t num_tokens = qkv_MNE.size(1);
  const int64_t channels = qkv_MNE.size(2) / 3;
  const int64_t head_channels = channels / num_heads;
  SAP_CHECK(head_channels * num_heads * 3 == qkv_MNE.size(2), "{}", ShapeString(qkv_MNE));
  const auto parts = qkv_MNE.view({num_windows, num_tokens, 3, num_heads, head_channels})
                         .permute({2, 0, 3, 1, 4})
                         .unbind(0);
  const Tensor q_MhNd = parts[0] * std::pow(static_cast<double>(head_channels), -0.5);
  Tensor scores_MhNN = q_MhNd.matmul(parts[1].transpose(-2, -1));
  scores_MhNN = scores_MhNN + BiasOfPairs(table_Th, num_tokens).unsqueeze(0);
  if (region_WN) {
    const int64_t w = region_WN->size(0);
    SAP_CHECK(num_windows % w == 0, "{} windows, {} labelled", num_windows, w);
    const Tensor mask_WNN = region_WN->unsqueeze(1).ne(region_WN->unsqueeze(2));
    const Tensor added_WNN = mask_WNN.to(scores_MhNN.scalar_type()) * kMaskedScore;
    scores_MhNN = (scores_MhNN.view({num_windows / w, w, num_heads, num_tokens, num_tokens}) +
                   added_WNN.unsqueeze(1).unsqueeze(0))
                      .view({num_windows, num_heads, num_tokens, num_tokens});
  }
  const Tensor weights_MhNN = at::dropout(scores_MhNN.softmax(-1), dropout_p, dropout_p > 0.0);
  return weights_MhNN.to(parts[2].scalar_type())
      .matmul(parts[2])
      .transpose(1, 2)
      .reshape({num_windows, num_tokens, channels});
}

// The order of construction is MONAI's, so that one seed gives the same weights (§1.11).
WindowAttentionImpl::WindowAttentionImpl(const WindowAttentionOptions& options)
    : options_(options) {
  table_Th_ = register_parameter("relative_position_bias_table",
                                 at::zeros({kNumRelativePositions, options.num_heads}));
  index_NN_ = register_buffer("relative_position_index", RelativePositionIndex().clone());
  qkv_ = register_module("qkv", torch::nn::Linear(options.channels, 3 * options.channels));
  proj_ = register_module("proj", torch::nn::Linear(options.channels, options.channels));
  TruncatedNormal(table_Th_, 0.02);
}

Tensor WindowAttentionImpl::forward(const Tensor& x_BVE, const WindowMap& map) {
  const Tensor qkv_BVE = qkv_->forward(x_BVE);
  const Tensor padding_E = qkv_->bias.to(qkv_BVE.scalar_type());
  const Tensor qkv_MNE = PartitionWindows(qkv_BVE, padding_E, map);
  const double dropout_p = is_training() ? options_.attn_drop_rate : 0.0;
  const Tensor mixed_MNE = ops::WindowAttention(qkv_MNE,
                                                table_Th_,
                                                map.region_WN,
                                                map.padding_WN,
                                                options_.num_heads,
                                                dropout_p,
                                                options_.kernels);
  const Tensor out_BVE = proj_->forward(ReverseWindows(mixed_MNE, map));
  return at::dropout(out_BVE, options_.proj_drop_rate, is_training());
}

void WindowAttentionImpl::RestoreIndexType() {
  index_NN_.set_data(index_NN_.to(at::kLong));
}

void WindowAttentionImpl::to(torch::Device device, torch::Dtype dtype, bool non_blocking) {
  Module::to(device, dtype, non_blocking);
  RestoreIndexType();
}

void WindowAttentionImpl::to(torch::Dtype dtype, bool non_blocking) {
  Module::to(dtype, non_blocking);
  RestoreIndexType();
}

}  // namespace sap::nn
