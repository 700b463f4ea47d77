// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/reconstruction_decoder.h"

#include <array>
#include <string>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/ops.h"
#include "sap/core/error.h"
#include "sap/nn/unetr_blocks.h"

namespace sap::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::size_t kNumDoublings = 5;
constexpr int64_t kLayersPerDoubling = 4;  // convolution, norm, activation, upsampling: the names

// A bias in front of an instance norm, which takes any constant away again: x as it is, and for
// the bias the gradient that this leaves it, zero (so that decay treats it as in the reference).
class NormedAwayBias : public torch::autograd::Function<NormedAwayBias> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& bias) {
    ctx->save_for_backward({bias});
    return x;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {grads[0], at::zeros_like(ctx->get_saved_variables()[0])};
  }
};

Tensor Doubled(const Tensor& x_BCXYZ) {
  const std::array<int64_t, 3> size = {
      2 * x_BCXYZ.size(2), 2 * x_BCXYZ.size(3), 2 * x_BCXYZ.size(4)};
  return at::upsample_trilinear3d(x_BCXYZ, at::IntArrayRef(size), /*align_corners=*/false);
}

}  // namespace

ReconstructionDecoderImpl::ReconstructionDecoderImpl(Reconstruction form,
                                                     int64_t in_channels,
                                                     int64_t out_channels,
                                                     Kernels kernels)
    : kernels_(kernels) {
  SAP_CHECK(in_channels > 0 && in_channels % 16 == 0 && out_channels > 0,
            "{} to {} channels",
            in_channels,
            out_channels);
  if (form == Reconstruction::kVae) {
    AddConvolutions(in_channels, out_channels);
  } else if (form == Reconstruction::kDeconv) {
    AddDeconvolutions(in_channels, out_channels);
  } else {
    deconvs_.emplace_back(
        torch::nn::ConvTranspose3dOptions(in_channels, out_channels, 32).stride(32));
    // Not a child: the parameters carry no name in front of theirs.
    register_parameter("weight", deconvs_.front()->weight);
    register_parameter("bias", deconvs_.front()->bias);
  }
}

void ReconstructionDecoderImpl::AddConvolutions(int64_t in_channels, int64_t out_channels) {
  const int64_t d = in_channels;
  const std::array<int64_t, kNumDoublings + 1> channels = {d, d / 2, d / 4, d / 8, d / 16, d / 16};
  const auto name = [](std::size_t i) {
    return std::to_string(kLayersPerDoubling * static_cast<int64_t>(i));
  };
  for (std::size_t i = 0; i < kNumDoublings; ++i) {
    const auto options = torch::nn::Conv3dOptions(channels[i], channels[i + 1], 3).padding(1);
    convs_.push_back(register_module(name(i), torch::nn::Conv3d(options)));
  }
  const auto last = torch::nn::Conv3dOptions(channels.back(), out_channels, 1);
  convs_.push_back(register_module(name(kNumDoublings), torch::nn::Conv3d(last)));
}

void ReconstructionDecoderImpl::AddDeconvolutions(int64_t in_channels, int64_t out_channels) {
  const int64_t d = in_channels;
  const std::array<int64_t, kNumDoublings + 1> channels = {
      d, d / 2, d / 4, d / 8, d / 16, out_channels};
  for (std::size_t i = 0; i < kNumDoublings; ++i) {
    const auto options =
        torch::nn::ConvTranspose3dOptions(channels[i], channels[i + 1], 2).stride(2);
    deconvs_.push_back(register_module(std::to_string(i), torch::nn::ConvTranspose3d(options)));
  }
}

Tensor ReconstructionDecoderImpl::forward(const Tensor& x_BCXYZ) {
  if (!convs_.empty()) return ForwardVae(x_BCXYZ);
  Tensor x = x_BCXYZ;
  for (torch::nn::ConvTranspose3d& deconv : deconvs_) x = deconv->forward(x);
  return x;
}

// The 1^3 convolution mixes channels and the doubling mixes voxels with weights that sum to one,
// so the two commute; in this order both work on an eighth of the voxels, or on few channels.
Tensor ReconstructionDecoderImpl::ForwardVae(Tensor x) {
  const torch::nn::Conv3d& mix = convs_.back();
  if (kernels_ == Kernels::kReference) {
    for (std::size_t i = 0; i < kNumDoublings; ++i) {
      x = at::conv3d(x, convs_[i]->weight, convs_[i]->bias, /*stride=*/1, /*padding=*/1);
      x = Doubled(ReferenceInstanceNormAct(x, std::nullopt, kLeakySlope));
    }
    return at::conv3d(x, mix->weight, mix->bias);
  }
  for (std::size_t i = 0; i < kNumDoublings; ++i) {
    if (i > 0) x = Doubled(x);
    x = ops::Convolution(x, std::nullopt, convs_[i]->weight, kernels_);
    x = NormedAwayBias::apply(x, convs_[i]->bias);
    x = ops::InstanceNormAct(x, std::nullopt, kLeakySlope, kernels_);
  }
  x = ops::Convolution(x, std::nullopt, mix->weight, kernels_);
  return Doubled(x + mix->bias.view({1, -1, 1, 1, 1}));
}

}  // namespace sap::nn
