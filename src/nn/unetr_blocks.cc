// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/unetr_blocks.h"

#include <algorithm>
#include <tuple>

#include <ATen/ATen.h>

#include "nn/ops.h"
#include "sap/core/error.h"

namespace sap::nn {
namespace {

torch::nn::Conv3dOptions PlainConv(int64_t in_channels, int64_t out_channels, int64_t kernel) {
  return torch::nn::Conv3dOptions(in_channels, out_channels, kernel)
      .padding(kernel / 2)
      .bias(false);
}

}  // namespace

Tensor ReferenceInstanceNormAct(const Tensor& x_BCXYZ,
                                const std::optional<Tensor>& residual_BCXYZ,
                                double slope) {
  SAP_CHECK(x_BCXYZ.dim() == 5, "{}", ShapeString(x_BCXYZ));
  const bool is_reduced =
      x_BCXYZ.scalar_type() == at::kHalf || x_BCXYZ.scalar_type() == at::kBFloat16;
  const Tensor wide = is_reduced ? x_BCXYZ.to(at::kFloat) : x_BCXYZ;
  const auto [variance, mean] =
      at::var_mean(wide, at::IntArrayRef({2, 3, 4}), /*unbiased=*/false, /*keepdim=*/true);
  Tensor y = (wide - mean) * (variance + kInstanceNormEps).rsqrt();
  if (residual_BCXYZ) y = y + *residual_BCXYZ;
  if (slope != kNoActivation) y = at::leaky_relu(y, slope);
  return y.to(x_BCXYZ.scalar_type());
}

UnetResBlockImpl::UnetResBlockImpl(int64_t in_channels, int64_t out_channels, Kernels kernels)
    : kernels_(kernels) {
  conv1_ = register_module("conv1", Conv3dHolder(PlainConv(in_channels, out_channels, 3)));
  conv2_ = register_module("conv2", Conv3dHolder(PlainConv(out_channels, out_channels, 3)));
  if (in_channels != out_channels) {
    conv3_ = register_module("conv3", Conv3dHolder(PlainConv(in_channels, out_channels, 1)));
  }
}

Tensor UnetResBlockImpl::forward(const Tensor& x_BCXYZ, const std::optional<Tensor>& second_BCXYZ) {
  const auto norm_act = [this](const Tensor& x, const std::optional<Tensor>& add, double slope) {
    return ops::InstanceNormAct(x, add, slope, kernels_);
  };
  const auto from_input = [&](const Conv3dHolder& conv) {
    return ops::Convolution(x_BCXYZ, second_BCXYZ, conv->weight(), kernels_);
  };
  const Tensor hidden = norm_act(from_input(conv1_), std::nullopt, kLeakySlope);
  const Tensor residual =
      conv3_.is_empty() ? x_BCXYZ : norm_act(from_input(conv3_), std::nullopt, kNoActivation);
  const Tensor out = ops::Convolution(hidden, std::nullopt, conv2_->weight(), kernels_);
  return norm_act(out, residual, kLeakySlope);
}

UnetrBasicBlockImpl::UnetrBasicBlockImpl(int64_t in_channels,
                                         int64_t out_channels,
                                         Kernels kernels) {
  layer_ = register_module("layer", UnetResBlock(in_channels, out_channels, kernels));
}

UnetrUpBlockImpl::UnetrUpBlockImpl(int64_t in_channels, int64_t out_channels, Kernels kernels) {
  transp_conv_ = register_module(
      "transp_conv",
      Upconv3dHolder(
          torch::nn::ConvTranspose3dOptions(in_channels, out_channels, 2).stride(2).bias(false)));
  conv_block_ =
      register_module("conv_block", UnetResBlock(2 * out_channels, out_channels, kernels));
}

Tensor UnetrUpBlockImpl::forward(const Tensor& x_BCXYZ, const Tensor& skip_BCXYZ) {
  return conv_block_->forward(transp_conv_->forward(x_BCXYZ), skip_BCXYZ);
}

UnetOutBlockImpl::UnetOutBlockImpl(int64_t in_channels, int64_t num_classes) {
  conv_ = register_module(
      "conv", Conv3dHolder(torch::nn::Conv3dOptions(in_channels, num_classes, 1).bias(true)));
}

}  // namespace sap::nn
