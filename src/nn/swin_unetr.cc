// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/swin_unetr.h"

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/nn/init.h"

namespace sap::nn {
namespace {

using Entries = std::vector<std::pair<std::string, Tensor>>;

void AppendState(const torch::nn::Module& module, const std::string& prefix, Entries& entries) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    entries.emplace_back(prefix + item.key(), item.value());
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    entries.emplace_back(prefix + item.key(), item.value());
  }
  for (const auto& child : module.named_children()) {
    AppendState(*child.value(), prefix + child.key() + ".", entries);
  }
}

}  // namespace

void CheckNetworkInput(const Tensor& image_BCXYZ, int64_t in_channels) {
  SAP_REQUIRE(ErrorKind::kInput,
              image_BCXYZ.dim() == 5 && image_BCXYZ.size(1) == in_channels,
              "network input is {}; it must be [batch, {}, x, y, z]: in_channels is the number "
              "of image channels",
              ShapeString(image_BCXYZ),
              in_channels);
  int64_t bottleneck_voxels = 1;
  for (int64_t axis = 2; axis < 5; ++axis) {
    const int64_t size = image_BCXYZ.size(axis);
    SAP_REQUIRE(ErrorKind::kInput,
                size > 0 && size % kSizeMultiple == 0,
                "network input {} has {} voxels on axis {}; sizes must be multiples of {}: pad "
                "the image or set roi_size to such a size",
                ShapeString(image_BCXYZ),
                size,
                "xyz"[axis - 2],
                kSizeMultiple);
    bottleneck_voxels *= size / kSizeMultiple;
  }
  SAP_REQUIRE(ErrorKind::kInput,
              bottleneck_voxels > 1,
              "network input {} leaves one voxel at the deepest level, which an instance norm "
              "turns into zero; make one axis 64 voxels or longer",
              ShapeString(image_BCXYZ));
}

// The order of construction is MONAI's: it fixes both the names' order and the draws (§1.11).
SwinUnetrImpl::SwinUnetrImpl(const SwinUnetrOptions& options) : options_(options) {
  SAP_REQUIRE(ErrorKind::kOption,
              options.out_channels > 0,
              "out_channels {} is below 1",
              options.out_channels);
  const int64_t fs = options.feature_size;
  const Kernels kernels = options.kernels;
  const auto basic = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, UnetrBasicBlock(in, out, kernels));
  };
  const auto up = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, UnetrUpBlock(in, out, kernels));
  };
  swin_vit_ = register_module("swinViT", SwinEncoder(options));
  encoder1_ = basic("encoder1", options.in_channels, fs);
  encoder2_ = basic("encoder2", fs, fs);
  encoder3_ = basic("encoder3", 2 * fs, 2 * fs);
  encoder4_ = basic("encoder4", 4 * fs, 4 * fs);
  encoder10_ = basic("encoder10", 16 * fs, 16 * fs);
  decoder5_ = up("decoder5", 16 * fs, 8 * fs);
  decoder4_ = up("decoder4", 8 * fs, 4 * fs);
  decoder3_ = up("decoder3", 4 * fs, 2 * fs);
  decoder2_ = up("decoder2", 2 * fs, fs);
  decoder1_ = up("decoder1", fs, fs);
  out_ = register_module("out", UnetOutBlock(fs, options.out_channels));
  ToChannelsLast(*this);
}

Tensor SwinUnetrImpl::forward(const Tensor& image_BCXYZ) {
  CheckNetworkInput(image_BCXYZ, options_.in_channels);
  const Tensor image = image_BCXYZ.contiguous(at::MemoryFormat::ChannelsLast3d);
  const Hidden h = swin_vit_->forward(image);
  Tensor x = encoder10_->forward(h[4]);
  x = decoder5_->forward(x, h[3]);  // the only skip without a block of its own
  x = decoder4_->forward(x, encoder4_->forward(h[2]));
  x = decoder3_->forward(x, encoder3_->forward(h[1]));
  x = decoder2_->forward(x, encoder2_->forward(h[0]));
  x = decoder1_->forward(x, encoder1_->forward(image));
  return out_->forward(x);
}

Hidden SwinUnetrImpl::EncodeHidden(const Tensor& image_BCXYZ) {
  CheckNetworkInput(image_BCXYZ, options_.in_channels);
  return swin_vit_->forward(image_BCXYZ.contiguous(at::MemoryFormat::ChannelsLast3d));
}

std::vector<std::pair<std::string, Tensor>> StateDict(const torch::nn::Module& module) {
  Entries entries;
  AppendState(module, "", entries);
  return entries;
}

}  // namespace sap::nn
