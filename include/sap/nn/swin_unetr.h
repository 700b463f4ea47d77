// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "sap/core/tensor.h"
#include "sap/nn/swin_encoder.h"
#include "sap/nn/swin_options.h"
#include "sap/nn/unetr_blocks.h"

// Swin UNETR (Hatamizadeh et al. 2022) with the numbers of MONAI (specs swin_unetr §1).
// Shapes: B batch, C channels, K classes, X Y Z space.
namespace sap::nn {

inline constexpr int64_t kSizeMultiple = 32;     // voxels: five halvings
inline constexpr std::size_t kNumEntries = 159;  // of a state dict without use_v2

// What the encoder can take: [B, in_channels, X, Y, Z] whose sizes are multiples of 32 and leave
// more than one voxel at the deepest level. Throws Error(kInput) for anything else.
void CheckNetworkInput(const Tensor& image_BCXYZ, int64_t in_channels);

class SwinUnetrImpl : public torch::nn::Module {
 public:
  // Throws Error(kOption) for sizes that no network can have. Draws from LibTorch's default
  // generator; one seed gives the weights that MONAI gives (§1.11).
  explicit SwinUnetrImpl(const SwinUnetrOptions& options);

  // image [B, in_channels, X, Y, Z], floating, on the parameters' device -> logits [B, K, X, Y, Z].
  // Throws what CheckNetworkInput throws: at 32^3 the deepest grid is one voxel, whose instance
  // norm is zero whatever the input.
  Tensor forward(const Tensor& image_BCXYZ);

  // The encoder's outputs h_0 .. h_4 for such an image.
  Hidden EncodeHidden(const Tensor& image_BCXYZ);

  const SwinUnetrOptions& options() const { return options_; }

 private:
  SwinUnetrOptions options_;
  SwinEncoder swin_vit_ = nullptr;
  UnetrBasicBlock encoder1_ = nullptr;
  UnetrBasicBlock encoder2_ = nullptr;
  UnetrBasicBlock encoder3_ = nullptr;
  UnetrBasicBlock encoder4_ = nullptr;
  UnetrBasicBlock encoder10_ = nullptr;
  UnetrUpBlock decoder5_ = nullptr;
  UnetrUpBlock decoder4_ = nullptr;
  UnetrUpBlock decoder3_ = nullptr;
  UnetrUpBlock decoder2_ = nullptr;
  UnetrUpBlock decoder1_ = nullptr;
  UnetOutBlock out_ = nullptr;
};
TORCH_MODULE(SwinUnetr);

// Parameters and buffers under their full names, in the order of MONAI's state dict (§1.10):
// a module's parameters, its buffers, then its children. The tensors are the module's own.
std::vector<std::pair<std::string, Tensor>> StateDict(const torch::nn::Module& module);

}  // namespace sap::nn
