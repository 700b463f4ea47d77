// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "sap/core/tensor.h"
#include "sap/nn/swin_options.h"

// The one place where the network chooses between our kernels and plain ATen.
namespace sap::nn::ops {

// Attention inside windows; see ReferenceWindowAttention for shapes. Output rows of padding tokens
// (padding_WN, see WindowMap) are for nobody to read, and their gradient must be zero.
Tensor WindowAttention(const Tensor& qkv_MNE,
                       const Tensor& table_Th,
                       const std::optional<Tensor>& region_WN,
                       const std::optional<Tensor>& padding_WN,
                       int64_t num_heads,
                       double dropout_p,
                       Kernels kernels);

// Instance norm [+ residual], then LeakyReLU(slope); see ReferenceInstanceNormAct.
Tensor InstanceNormAct(const Tensor& x_BCXYZ,
                       const std::optional<Tensor>& residual_BCXYZ,
                       double slope,
                       Kernels kernels);

// Convolution of x, or of cat({x, second}, 1), without bias: weight [O, I, k, k, k], k odd, zero
// padding k / 2. Takes part in autocast as ATen's convolution does.
Tensor Convolution(const Tensor& x_BCXYZ,
                   const std::optional<Tensor>& second_BCXYZ,
                   const Tensor& weight_OIkkk,
                   Kernels kernels);

// Convolution with kernel 2^3 and stride 2 of an image with even sizes: weight [O, I, 2, 2, 2],
// bias [O]. A linear map of 2x2x2 blocks, and computed so: ATen takes its slowest path for images
// of two channels.
Tensor PatchConvolution(const Tensor& x_BCXYZ, const Tensor& weight_OI222, const Tensor& bias_O);

}  // namespace sap::nn::ops
