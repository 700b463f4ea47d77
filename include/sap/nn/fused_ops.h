// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "sap/core/tensor.h"

// The network's operators as single CPU kernels with their own backward pass. Each has a plain
// ATen counterpart in sap/nn/ops.h, which chooses; each agrees with it within float32 rounding.
// The kernels are compiled for several instruction sets and chosen at run time; they use
// LibTorch's threads. Shapes: M windows, N tokens, E = 3C, h heads, T rows of the bias table,
// W windows of one volume, O and I output and input channels.

namespace sap::nn {

// float32 or bfloat16 on the CPU. Everything else takes the ATen path.
bool FusedSupports(const Tensor& tensor);

// Window attention of swin_unetr §1.5 without ever storing the scores.
//   qkv_MNE    [M, N, 3C], channel = which * C + head * d + e, d = 4, 8 or 16; N <= 343. q is
//              scaled by d^-0.5 inside.
//   table_Th   [2197, h]; pairs are looked up in a 7x7x7 window whatever N is.
//   region_WN  int32 [W, N], M % W == 0, window m uses row m % W: pairs with different labels
//              get -100 added. Nothing: no shift.
//   dropout_p  on the softmax. Draws one number from LibTorch's CPU generator when positive; the
//              mask is a function of that number alone.
//   padding_WN uint8 [W, N], 1 for padding tokens: keys like any other, but as queries they may be
//              skipped, so their output rows are unspecified and their gradient must be zero.
// Returns [M, N, C] in qkv's dtype; differentiable in qkv_MNE and table_Th. Sums are float32.
// Saves qkv, the output and one float per row.
Tensor FusedWindowAttention(const Tensor& qkv_MNE,
                            const Tensor& table_Th,
                            const std::optional<Tensor>& region_WN,
                            int64_t num_heads,
                            double dropout_p,
                            const std::optional<Tensor>& padding_WN = {});
bool FusedWindowAttentionSupports(const Tensor& qkv_MNE, int64_t num_heads);

// act(InstanceNorm(x) [+ residual]): no affine, eps 1e-5, biased variance over X, Y, Z of each
// sample and channel; act is LeakyReLU with `slope` > 0 (1: none). Any layout is accepted, the
// result is channels_last_3d. Differentiable in x and residual. Saves the output, residual and
// 1/std only: LeakyReLU is invertible, so the input need not live (cpu_speed §4).
Tensor FusedInstanceNormAct(const Tensor& x_BCXYZ,
                            const std::optional<Tensor>& residual_BCXYZ,
                            double slope);
bool FusedInstanceNormActSupports(const Tensor& x_BCXYZ, double slope);

// 3x3x3 convolution, stride 1, zero padding 1, no bias, of x or of cat({x, second}, 1) without
// making it. weight_OI333 [O, I, 3, 3, 3]. float32 only; result is channels_last_3d.
// Differentiable in all three. Winograd F(2x2x2, 3x3x3): 8 products per output instead of 27.
Tensor FusedConv3x3x3(const Tensor& x_BCXYZ,
                      const std::optional<Tensor>& second_BCXYZ,
                      const Tensor& weight_OI333);
bool FusedConv3x3x3Supports(const Tensor& x_BCXYZ,
                            const std::optional<Tensor>& second_BCXYZ,
                            const Tensor& weight_OI333);

}  // namespace sap::nn
