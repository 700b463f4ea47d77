// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/swin_options.h"

// The convolution blocks of the U (swin_unetr §1.9). All activations are [B, C, X, Y, Z],
// channels-last in memory; convolutions have no bias, instance norms no parameters.
namespace sap::nn {

inline constexpr double kLeakySlope = 0.01;
inline constexpr double kInstanceNormEps = 1e-5;
inline constexpr double kNoActivation = 1.0;  // LeakyReLU of slope 1

// Plain ATen: (x - mean) / sqrt(var + 1e-5) per sample and channel (biased variance, statistics
// in at least fp32) [+ residual of x's shape], then LeakyReLU(slope). Keeps x's memory layout and
// dtype. Differentiable in both.
Tensor ReferenceInstanceNormAct(const Tensor& x_BCXYZ,
                                const std::optional<Tensor>& residual_BCXYZ,
                                double slope);

// Holds one convolution under the name "conv", as MONAI's state dict has it.
template <typename Conv>
class ConvolutionImpl : public torch::nn::Module {
 public:
  template <typename Options>
  explicit ConvolutionImpl(const Options& options) {
    conv_ = register_module("conv", Conv(options));
  }
  Tensor forward(const Tensor& x_BCXYZ) { return conv_->forward(x_BCXYZ); }
  const Tensor& weight() const { return conv_->weight; }

 private:
  Conv conv_ = nullptr;
};
using Conv3dHolder = torch::nn::ModuleHolder<ConvolutionImpl<torch::nn::Conv3d>>;
using Upconv3dHolder = torch::nn::ModuleHolder<ConvolutionImpl<torch::nn::ConvTranspose3d>>;

// conv 3^3, norm, LeakyReLU, conv 3^3, norm, add the input, LeakyReLU. Where the number of
// channels changes, the input first passes a 1^3 convolution and a norm. State: conv1, conv2
// [, conv3].
class UnetResBlockImpl : public torch::nn::Module {
 public:
  UnetResBlockImpl(int64_t in_channels, int64_t out_channels, Kernels kernels);

  // The block of cat({x, second}, 1), which is never made where our kernels serve.
  Tensor forward(const Tensor& x_BCXYZ, const std::optional<Tensor>& second_BCXYZ = std::nullopt);

 private:
  Kernels kernels_;
  Conv3dHolder conv1_ = nullptr;
  Conv3dHolder conv2_ = nullptr;
  Conv3dHolder conv3_ = nullptr;  // empty where in_channels == out_channels
};
TORCH_MODULE(UnetResBlock);

// A residual block under the name "layer".
class UnetrBasicBlockImpl : public torch::nn::Module {
 public:
  UnetrBasicBlockImpl(int64_t in_channels, int64_t out_channels, Kernels kernels);
  Tensor forward(const Tensor& x_BCXYZ) { return layer_->forward(x_BCXYZ); }

 private:
  UnetResBlock layer_ = nullptr;
};
TORCH_MODULE(UnetrBasicBlock);

// Doubles the grid by a transposed convolution, stacks [upsampled, skip], residual block.
// State: transp_conv, conv_block.
class UnetrUpBlockImpl : public torch::nn::Module {
 public:
  UnetrUpBlockImpl(int64_t in_channels, int64_t out_channels, Kernels kernels);

  // x [B, in, X, Y, Z], skip [B, out, 2X, 2Y, 2Z] -> [B, out, 2X, 2Y, 2Z].
  Tensor forward(const Tensor& x_BCXYZ, const Tensor& skip_BCXYZ);

 private:
  Upconv3dHolder transp_conv_ = nullptr;
  UnetResBlock conv_block_ = nullptr;
};
TORCH_MODULE(UnetrUpBlock);

// 1^3 convolution with bias to class logits. State: conv.
class UnetOutBlockImpl : public torch::nn::Module {
 public:
  UnetOutBlockImpl(int64_t in_channels, int64_t num_classes);
  Tensor forward(const Tensor& x_BCXYZ) { return conv_->forward(x_BCXYZ); }

 private:
  Conv3dHolder conv_ = nullptr;
};
TORCH_MODULE(UnetOutBlock);

}  // namespace sap::nn
