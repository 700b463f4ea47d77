// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/reconstruction_decoder.h"
#include "sap/nn/swin_encoder.h"
#include "sap/nn/swin_options.h"

// The Swin encoder with the three heads of its self-supervised pretraining (Tang et al. 2022;
// swin_unetr §4.1). Shapes: B batch, C channels, X Y Z space.
namespace sap::ssl {

inline constexpr int64_t kEmbeddingSize = 512;    // of the contrastive head
inline constexpr int64_t kBottleneckFactor = 16;  // channels of the deepest grid / feature_size

struct SslNetOptions {
  nn::Reconstruction reconstruction = nn::Reconstruction::kVae;
  nn::SwinUnetrOptions encoder;  // out_channels means nothing here: the image comes back
};

struct SslOutput {
  Tensor rotation_B4;           // logits
  Tensor contrastive_B512;      // not normalised
  Tensor reconstruction_BCXYZ;  // on the image's grid
};

// State, in the names and the order of the reference's files: swinViT (the encoder, 126 entries),
// rotation_head, contrastive_head, conv (see nn::ReconstructionDecoder).
class SslNetImpl : public torch::nn::Module {
 public:
  // Throws Error(kOption) for sizes that no encoder can have. Draws from LibTorch's default
  // generator.
  explicit SslNetImpl(const SslNetOptions& options);

  // image [B, in_channels, X, Y, Z], floating, on the parameters' device. The rotation head reads
  // token 0 of the deepest grid and the contrastive head token 1, in C order of the grid: at 96^3
  // its voxels (0, 0, 0) and (0, 0, 1). Throws Error(kInput) as nn::CheckNetworkInput does: a 32^3
  // image has no token 1.
  SslOutput forward(const Tensor& image_BCXYZ);

  const SslNetOptions& options() const { return options_; }

 private:
  SslNetOptions options_;
  nn::SwinEncoder swin_vit_ = nullptr;
  torch::nn::Linear rotation_head_ = nullptr;
  torch::nn::Linear contrastive_head_ = nullptr;
  nn::ReconstructionDecoder conv_ = nullptr;
};
TORCH_MODULE(SslNet);

}  // namespace sap::ssl
