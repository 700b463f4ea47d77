// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <ATen/ATen.h>

#include "data/build_case.h"
#include "sap/image/components.h"
#include "sap/image/morphology.h"

namespace sap::data {
namespace {

constexpr int64_t kMaxVoxels = int64_t{1} << 24;  // masks need no finer grid, only memory

// Otsu (1979): the bin border with the largest variance between the classes.
double OtsuThreshold(const Tensor& image) {
  constexpr std::size_t kBins = 256;
  std::array<double, kBins> histogram{};
  const float* values = image.const_data_ptr<float>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    const float scaled = std::clamp(values[i], 0.0F, 1.0F) * (kBins - 1);
    histogram[static_cast<std::size_t>(scaled)] += 1;
  }
  double total_mass = 0;
  for (std::size_t b = 0; b < kBins; ++b) total_mass += histogram[b] * static_cast<double>(b);
  const auto total = static_cast<double>(image.numel());
  double below = 0;
  double mass_below = 0;
  double best_variance = -1;
  std::size_t best = 0;
  for (std::size_t b = 0; b + 1 < kBins; ++b) {
    below += histogram[b];
    mass_below += histogram[b] * static_cast<double>(b);
    if (below == 0 || below == total) continue;
    const double gap = mass_below / below - (total_mass - mass_below) / (total - below);
    const double variance = below * (total - below) * gap * gap;
    if (variance > best_variance) {
      best_variance = variance;
      best = b;
    }
  }
  return (static_cast<double>(best) + 1.0) / (kBins - 1);
}

Tensor LargestPiece(const Tensor& mask_XYZ) {
  const Components pieces = LabelComponents(mask_XYZ, Connectivity::k6);
  if (pieces.list.empty()) return mask_XYZ;
  const auto largest = std::max_element(
      pieces.list.begin(), pieces.list.end(), [](const Component& a, const Component& b) {
        return a.num_vox < b.num_vox;
      });
  return pieces.labels_XYZ.eq(largest->label);
}

// Nearest coarse voxel of every voxel.
Tensor Enlarge(const Tensor& coarse_XYZ, int64_t factor, at::IntArrayRef sizes) {
  Tensor fine = coarse_XYZ;
  for (int64_t axis = 0; axis < 3; ++axis) {
    fine =
        fine.repeat_interleave(factor, axis).narrow(axis, 0, sizes[static_cast<std::size_t>(axis)]);
  }
  return fine.contiguous();
}

}  // namespace

Tensor EstimateBody(const Tensor& image_XYZ) {
  int64_t factor = 1;
  while (image_XYZ.numel() / (factor * factor * factor) > kMaxVoxels) ++factor;
  const Tensor coarse = image_XYZ.slice(0, 0, std::nullopt, factor)
                            .slice(1, 0, std::nullopt, factor)
                            .slice(2, 0, std::nullopt, factor)
                            .contiguous();
  const Tensor bright = coarse.ge(OtsuThreshold(coarse));
  if (!bright.any().item<bool>()) return at::ones(image_XYZ.sizes(), at::kByte);
  const Tensor body = FillHoles(LargestPiece(bright)).to(at::kByte);
  return factor == 1 ? body : Enlarge(body, factor, image_XYZ.sizes());
}

}  // namespace sap::data
