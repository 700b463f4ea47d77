// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/heads.h"

#include <ATen/ATen.h>

#include "sap/nn/init.h"
#include "sap/nn/swin_unetr.h"
#include "sap/ssl/views.h"

namespace sap::ssl {

SslNetImpl::SslNetImpl(const SslNetOptions& options) : options_(options) {
  const nn::SwinUnetrOptions& encoder = options.encoder;
  const int64_t dim = kBottleneckFactor * encoder.feature_size;
  swin_vit_ = register_module("swinViT", nn::SwinEncoder(encoder));
  rotation_head_ = register_module("rotation_head", torch::nn::Linear(dim, kNumRotations));
  contrastive_head_ = register_module("contrastive_head", torch::nn::Linear(dim, kEmbeddingSize));
  conv_ = register_module(
      "conv",
      nn::ReconstructionDecoder(options.reconstruction, dim, encoder.in_channels, encoder.kernels));
  nn::ToChannelsLast(*this);
}

SslOutput SslNetImpl::forward(const Tensor& image_BCXYZ) {
  nn::CheckNetworkInput(image_BCXYZ, options_.encoder.in_channels);
  const Tensor image = image_BCXYZ.contiguous(at::MemoryFormat::ChannelsLast3d);
  const Tensor deepest_BEXYZ = swin_vit_->forward(image).back();
  const Tensor tokens_BEN = deepest_BEXYZ.flatten(2);
  return {rotation_head_->forward(tokens_BEN.select(2, 0)),
          contrastive_head_->forward(tokens_BEN.select(2, 1)),
          conv_->forward(deepest_BEXYZ)};
}

}  // namespace sap::ssl
