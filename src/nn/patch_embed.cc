// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/patch_embed.h"

#include <vector>

#include <ATen/ATen.h>

#include "nn/ops.h"
#include "sap/core/error.h"

namespace sap::nn {
namespace {

using at::indexing::None;
using at::indexing::Slice;

bool IsOdd(int64_t size) {
  return size % 2 != 0;
}

}  // namespace

PatchEmbedImpl::PatchEmbedImpl(int64_t in_channels, int64_t channels) {
  proj_ = register_module(
      "proj", torch::nn::Conv3d(torch::nn::Conv3dOptions(in_channels, channels, 2).stride(2)));
}

Tensor PatchEmbedImpl::forward(const Tensor& image_BCXYZ) {
  const int64_t odd_x = IsOdd(image_BCXYZ.size(2));
  const int64_t odd_y = IsOdd(image_BCXYZ.size(3));
  const int64_t odd_z = IsOdd(image_BCXYZ.size(4));
  const Tensor even_BCXYZ = odd_x + odd_y + odd_z == 0
                                ? image_BCXYZ
                                : at::constant_pad_nd(image_BCXYZ, {0, odd_z, 0, odd_y, 0, odd_x});
  return ops::PatchConvolution(even_BCXYZ, proj_->weight, proj_->bias);
}

std::array<XyzInt, 8> MergingOffsets(PatchMerging order) {
  switch (order) {
    case PatchMerging::kLegacy:  // 010 and 001 twice; 110 and 011 never
      return {
          {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 1}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}}};
    case PatchMerging::kFixed:
      return {
          {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {1, 0, 1}, {0, 1, 1}, {1, 1, 1}}};
    case PatchMerging::kV2:
      return {
          {{0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {0, 1, 1}, {1, 0, 0}, {1, 0, 1}, {1, 1, 0}, {1, 1, 1}}};
  }
  SAP_CHECK(false, "unknown patch merging {}", static_cast<int>(order));
}

PatchMergeImpl::PatchMergeImpl(int64_t channels, PatchMerging order)
    : offsets_(MergingOffsets(order)) {
  reduction_ = register_module(
      "reduction",
      torch::nn::Linear(torch::nn::LinearOptions(8 * channels, 2 * channels).bias(false)));
  norm_ =
      register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({8 * channels})));
}

Tensor PatchMergeImpl::forward(const Tensor& x_BXYZC) {
  const int64_t odd_x = IsOdd(x_BXYZC.size(1));
  const int64_t odd_y = IsOdd(x_BXYZC.size(2));
  const int64_t odd_z = IsOdd(x_BXYZC.size(3));
  const Tensor even_BXYZC =
      odd_x + odd_y + odd_z == 0
          ? x_BXYZC
          : at::constant_pad_nd(x_BXYZC, {0, 0, 0, odd_z, 0, odd_y, 0, odd_x});
  std::vector<Tensor> neighbours;
  for (const XyzInt& o : offsets_) {
    neighbours.push_back(
        even_BXYZC.index({Slice(), Slice(o.x, None, 2), Slice(o.y, None, 2), Slice(o.z, None, 2)}));
  }
  return reduction_->forward(norm_->forward(at::cat(neighbours, -1)));
}

}  // namespace sap::nn
