// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/nn/swin_encoder.h"

// What the encoder knows of a patch before any fine-tuning (paper Fig. 3; specs/evaluation.md
// §1.11). Shapes: B batch, C channels, E features, X Y Z space.
namespace sap::nn {

enum class Pooling {
  kMean,   // over the deepest grid
  kMax,    // over the deepest grid
  kFirst,  // its first token alone, as the rotation head of self-supervised pretraining reads it
};

// Numbers of a pooled vector: 16 feature sizes, 768 for 48.
inline int64_t BottleneckSize(const SwinUnetrOptions& options) {
  return options.feature_size << kNumStages;
}

// The Swin encoder by itself. Its state has the names of the whole network's ("swinViT."), so that
// weights of any pretraining fit.
class BottleneckNetImpl : public torch::nn::Module {
 public:
  explicit BottleneckNetImpl(const SwinUnetrOptions& options);

  // image [B, C, X, Y, Z] floating, edges multiples of 32, on the parameters' device. Returns the
  // deepest hidden state h4, pooled: [B, E] float32 with E = BottleneckSize.
  Tensor forward(const Tensor& image_BCXYZ, Pooling pooling);

 private:
  SwinEncoder encoder_ = nullptr;
};
TORCH_MODULE(BottleneckNet);

}  // namespace sap::nn

template <>
struct sap::EnumNames<sap::nn::Pooling> {
  static constexpr std::pair<nn::Pooling, std::string_view> kNames[] = {
      {nn::Pooling::kMean, "mean"}, {nn::Pooling::kMax, "max"}, {nn::Pooling::kFirst, "first"}};
};
