// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/nn/swin_options.h"

// The image from the encoder's deepest grid alone, without skips: the reconstruction head of
// self-supervised pretraining (swin_unetr §4.1).
namespace sap::nn {

enum class Reconstruction {
  kVae,                // 3^3 convolutions with norms between trilinear doublings
  kDeconv,             // transposed convolutions 2^3, nothing between them
  kLargeKernelDeconv,  // one transposed convolution 32^3
};

// State, in the names of the reference: vae 0, 4, 8, 12, 16 (3^3) and 20 (1^3); deconv 0 .. 4;
// large_kernel_deconv weight and bias of its own. Channels d, d/2, d/4, d/8, d/16 [, d/16], out.
class ReconstructionDecoderImpl : public torch::nn::Module {
 public:
  // in_channels d: a multiple of 16 (16 feature sizes behind the Swin encoder).
  ReconstructionDecoderImpl(Reconstruction form,
                            int64_t in_channels,
                            int64_t out_channels,
                            Kernels kernels);

  // x [B, d, X, Y, Z], floating -> [B, out_channels, 32X, 32Y, 32Z].
  Tensor forward(const Tensor& x_BCXYZ);

 private:
  void AddConvolutions(int64_t in_channels, int64_t out_channels);
  void AddDeconvolutions(int64_t in_channels, int64_t out_channels);
  Tensor ForwardVae(Tensor x_BCXYZ);

  Kernels kernels_;
  std::vector<torch::nn::Conv3d> convs_;             // vae
  std::vector<torch::nn::ConvTranspose3d> deconvs_;  // the other two
};
TORCH_MODULE(ReconstructionDecoder);

}  // namespace sap::nn

template <>
struct sap::EnumNames<sap::nn::Reconstruction> {
  static constexpr std::pair<nn::Reconstruction, std::string_view> kNames[] = {
      {nn::Reconstruction::kVae, "vae"},
      {nn::Reconstruction::kDeconv, "deconv"},
      {nn::Reconstruction::kLargeKernelDeconv, "large_kernel_deconv"},
  };
};
