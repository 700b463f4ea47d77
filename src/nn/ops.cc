// SPDX-License-Identifier: Apache-2.0
#include "nn/ops.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include "sap/nn/fused_ops.h"
#include "sap/nn/unetr_blocks.h"
#include "sap/nn/window_attention.h"

namespace sap::nn::ops {
namespace {

// Under autocast ATen's own bfloat16 convolution is chosen, which CPUs with such instructions run
// twice as fast as any float32 kernel.
bool CastsConvolutions(const Tensor& x) {
  return at::autocast::is_autocast_enabled(x.device().type());
}

// On grids of 2x2xZ the weight gradient of the bfloat16 convolution in LibTorch 2.11 for CPUs reads
// memory that nobody wrote (measured with malloc filling memory: wrong by any amount, or NaN, for
// every number of channels). Such grids cost nothing, so all small ones stay float32.
constexpr int64_t kLeastBf16Edge = 4;

bool MustStayFloat32(const Tensor& x_BCXYZ) {
  const auto edges = x_BCXYZ.sizes().slice(2);
  return x_BCXYZ.is_cpu() && CastsConvolutions(x_BCXYZ) &&
         *std::min_element(edges.begin(), edges.end()) < kLeastBf16Edge;
}

class NoAutocast {
 public:
  NoAutocast() { at::autocast::set_autocast_enabled(at::kCPU, false); }
  NoAutocast(const NoAutocast&) = delete;
  NoAutocast& operator=(const NoAutocast&) = delete;
  ~NoAutocast() { at::autocast::set_autocast_enabled(at::kCPU, true); }
};

std::optional<Tensor> InFloat32(const std::optional<Tensor>& tensor) {
  return tensor ? std::optional(tensor->to(at::kFloat)) : std::nullopt;
}

// The voxels of a channels-last tensor as rows [B*X*Y*Z, C]; free in that layout.
Tensor Rows(const Tensor& x_BCXYZ) {
  return x_BCXYZ.permute({0, 2, 3, 4, 1}).reshape({-1, x_BCXYZ.size(1)});
}

// 1x1x1 convolution of one or two sources as products of rows, so that no cat is made.
Tensor Pointwise(const Tensor& x, const std::optional<Tensor>& second, const Tensor& weight_OI111) {
  const Tensor weight_IO = weight_OI111.flatten(1).t();
  Tensor out = at::mm(Rows(x), weight_IO.narrow(0, 0, x.size(1)));
  if (second) {
    out = at::addmm(out, Rows(*second), weight_IO.narrow(0, x.size(1), second->size(1)));
  }
  return out.view({x.size(0), x.size(2), x.size(3), x.size(4), -1}).permute({0, 4, 1, 2, 3});
}

}  // namespace

Tensor WindowAttention(const Tensor& qkv_MNE,
                       const Tensor& table_Th,
                       const std::optional<Tensor>& region_WN,
                       const std::optional<Tensor>& padding_WN,
                       int64_t num_heads,
                       double dropout_p,
                       Kernels kernels) {
  if (kernels == Kernels::kFused && FusedWindowAttentionSupports(qkv_MNE, num_heads)) {
    return FusedWindowAttention(qkv_MNE, table_Th, region_WN, num_heads, dropout_p, padding_WN);
  }
  return ReferenceWindowAttention(qkv_MNE, table_Th, region_WN, num_heads, dropout_p);
}

Tensor InstanceNormAct(const Tensor& x_BCXYZ,
                       const std::optional<Tensor>& residual_BCXYZ,
                       double slope,
                       Kernels kernels) {
  if (kernels == Kernels::kFused && FusedInstanceNormActSupports(x_BCXYZ, slope)) {
    return FusedInstanceNormAct(x_BCXYZ, residual_BCXYZ, slope);
  }
  return ReferenceInstanceNormAct(x_BCXYZ, residual_BCXYZ, slope);
}

Tensor Convolution(const Tensor& x_BCXYZ,
                   const std::optional<Tensor>& second_BCXYZ,
                   const Tensor& weight_OIkkk,
                   Kernels kernels) {
  if (MustStayFloat32(x_BCXYZ)) {
    const NoAutocast no_autocast;
    return Convolution(
        x_BCXYZ.to(at::kFloat), InFloat32(second_BCXYZ), weight_OIkkk.to(at::kFloat), kernels);
  }
  if (kernels == Kernels::kFused && !CastsConvolutions(x_BCXYZ) &&
      FusedConv3x3x3Supports(x_BCXYZ, second_BCXYZ, weight_OIkkk)) {
    return FusedConv3x3x3(x_BCXYZ, second_BCXYZ, weight_OIkkk);
  }
  if (kernels == Kernels::kFused && weight_OIkkk.size(2) == 1) {
    return Pointwise(x_BCXYZ, second_BCXYZ, weight_OIkkk);
  }
  const Tensor x = second_BCXYZ ? at::cat({x_BCXYZ, *second_BCXYZ}, 1) : x_BCXYZ;
  const int64_t padding = weight_OIkkk.size(2) / 2;
  return at::conv3d(x, weight_OIkkk, {}, /*stride=*/1, padding);
}

Tensor PatchConvolution(const Tensor& x_BCXYZ, const Tensor& weight_OI222, const Tensor& bias_O) {
  const auto size = x_BCXYZ.sizes();
  const Tensor blocks_BXYZI8 =
      x_BCXYZ.view({size[0], size[1], size[2] / 2, 2, size[3] / 2, 2, size[4] / 2, 2})
          .permute({0, 2, 4, 6, 1, 3, 5, 7})
          .reshape({size[0], size[2] / 2, size[3] / 2, size[4] / 2, size[1] * 8});
  return at::linear(blocks_BXYZI8, weight_OI222.reshape({weight_OI222.size(0), -1}), bias_O)
      .permute({0, 4, 1, 2, 3});
}

}  // namespace sap::nn::ops
