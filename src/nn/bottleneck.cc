// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/bottleneck.h"

#include <ATen/ATen.h>

namespace sap::nn {

BottleneckNetImpl::BottleneckNetImpl(const SwinUnetrOptions& options)
    : encoder_(register_module("swinViT", SwinEncoder(options))) {}

Tensor BottleneckNetImpl::forward(const Tensor& image_BCXYZ, Pooling pooling) {
  const Tensor deepest_BEXYZ = encoder_->forward(image_BCXYZ).back().to(at::kFloat);
  const Tensor tokens_BEN = deepest_BEXYZ.flatten(2);
  if (pooling == Pooling::kMax) return tokens_BEN.amax(2);
  if (pooling == Pooling::kFirst) return tokens_BEN.select(2, 0).contiguous();
  return tokens_BEN.mean(2);
}

}  // namespace sap::nn
