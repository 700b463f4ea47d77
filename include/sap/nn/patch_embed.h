// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/nn/swin_options.h"

// The two layers that halve a grid. Odd sizes are padded with zeros at the high end.
// Shapes: B batch, C channels, X Y Z space.
namespace sap::nn {

// Voxels to tokens (swin_unetr §1.3): 2x2x2 convolution with stride 2. State: proj.
class PatchEmbedImpl : public torch::nn::Module {
 public:
  PatchEmbedImpl(int64_t in_channels, int64_t channels);

  // [B, in, X, Y, Z] -> [B, C, ceil(X/2), ceil(Y/2), ceil(Z/2)].
  Tensor forward(const Tensor& image_BCXYZ);

 private:
  torch::nn::Conv3d proj_ = nullptr;
};
TORCH_MODULE(PatchEmbed);

// Offsets (x, y, z) in the 2x2x2 cell whose channels are stacked, in order (§1.7).
std::array<XyzInt, 8> MergingOffsets(PatchMerging order);

// Tokens to half as many per axis with twice the channels (§1.7): stack 8 neighbours, LayerNorm,
// linear map 8C -> 2C without bias. State: reduction, norm.
class PatchMergeImpl : public torch::nn::Module {
 public:
  PatchMergeImpl(int64_t channels, PatchMerging order);

  // [B, X, Y, Z, C] -> [B, ceil(X/2), ceil(Y/2), ceil(Z/2), 2C].
  Tensor forward(const Tensor& x_BXYZC);

 private:
  std::array<XyzInt, 8> offsets_;
  torch::nn::Linear reduction_ = nullptr;
  torch::nn::LayerNorm norm_ = nullptr;
};
TORCH_MODULE(PatchMerge);

}  // namespace sap::nn
