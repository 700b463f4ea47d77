// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/regions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/image/distance.h"

namespace sap::eval {
namespace {

constexpr std::size_t kNumClasses = 256;  // of uint8
using CountPerClass = std::array<int64_t, kNumClasses>;

// Voxels of each component in each class, one pass over both maps. Entry i belongs to label i.
std::vector<CountPerClass> CountClasses(const Tensor& labels_XYZ,
                                        const Tensor& regions_XYZ,
                                        const std::vector<Component>& components) {
  int32_t largest_label = 0;
  for (const Component& c : components) largest_label = std::max(largest_label, c.label);
  std::vector<CountPerClass> counts(static_cast<std::size_t>(largest_label) + 1, CountPerClass{});
  const int32_t* label = labels_XYZ.const_data_ptr<int32_t>();
  const uint8_t* region = regions_XYZ.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < labels_XYZ.numel(); ++i) {
    if (label[i] == 0 || label[i] > largest_label) continue;
    ++counts[static_cast<std::size_t>(label[i])][region[i]];
  }
  return counts;
}

Tensor Crop(const Tensor& volume_XYZ, const Box& box) {
  Tensor crop_XYZ = volume_XYZ;
  for (std::size_t a = 0; a < 3; ++a) {
    crop_XYZ = crop_XYZ.slice(static_cast<int64_t>(a), box.begin_vox[a], box.end_vox[a]);
  }
  return crop_XYZ.contiguous();
}

int NearestClass(const Tensor& labels_XYZ,
                 const Component& component,
                 const Tensor& regions_XYZ,
                 const XyzDouble& spacing_mm,
                 double margin_mm) {
  Box box = component.box;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto reach = static_cast<int64_t>(std::ceil(margin_mm / spacing_mm[a]));
    box.begin_vox[a] = std::max<int64_t>(0, box.begin_vox[a] - reach);
    box.end_vox[a] = std::min(labels_XYZ.size(static_cast<int64_t>(a)), box.end_vox[a] + reach);
  }
  const Tensor near_XYZ = Crop(regions_XYZ, box);
  if (!near_XYZ.any().item<bool>()) return 0;
  const Tensor distance_XYZ = DistanceToMask(Crop(labels_XYZ, box).eq(component.label), spacing_mm);
  const float* distance_mm = distance_XYZ.const_data_ptr<float>();
  const uint8_t* region = near_XYZ.const_data_ptr<uint8_t>();
  std::array<float, kNumClasses> nearest_mm;
  nearest_mm.fill(std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < near_XYZ.numel(); ++i) {
    nearest_mm[region[i]] = std::min(nearest_mm[region[i]], distance_mm[i]);
  }
  const auto best = std::min_element(nearest_mm.begin() + 1, nearest_mm.end());
  constexpr double kFloatSlack = 1e-6;
  if (*best > margin_mm * (1.0 + kFloatSlack)) return 0;
  return static_cast<int>(best - nearest_mm.begin());
}

}  // namespace

std::vector<int> RegionsOf(const Tensor& labels_XYZ,
                           const std::vector<Component>& components,
                           const Tensor& regions_XYZ,
                           const XyzDouble& spacing_mm,
                           const RegionOptions& options) {
  SAP_CHECK(labels_XYZ.sizes() == regions_XYZ.sizes() && labels_XYZ.is_contiguous() &&
                regions_XYZ.is_contiguous(),
            "labels {} and regions {}",
            ShapeString(labels_XYZ),
            ShapeString(regions_XYZ));
  const auto counts = CountClasses(labels_XYZ, regions_XYZ, components);
  std::vector<int> regions;
  for (const Component& component : components) {
    const CountPerClass& own = counts[static_cast<std::size_t>(component.label)];
    const auto most = std::max_element(own.begin() + 1, own.end());
    regions.push_back(
        *most > 0
            ? static_cast<int>(most - own.begin())
            : NearestClass(labels_XYZ, component, regions_XYZ, spacing_mm, options.margin_mm));
  }
  return regions;
}

}  // namespace sap::eval
