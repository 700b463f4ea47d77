// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/body_mask.h"

#include <algorithm>
#include <array>
#include <vector>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/image/components.h"
#include "sap/image/intensity.h"
#include "sap/image/morphology.h"

namespace sap::preprocess {
namespace {

// Noise is Rayleigh distributed and tissue spans a decade, so that the classes have like widths
// only on a logarithmic scale. Values under a thousandth of the bright tissue are one class.
double LogOtsu(const Tensor& image_XYZ) {
  const double bright = Percentiles(image_XYZ, {99.5})[0];
  const Tensor log_XYZ = image_XYZ.clamp(bright * 1e-3, bright).log();
  return std::exp(OtsuThreshold(log_XYZ));
}

double AuthorThreshold(const Tensor& image_XYZ, double floor_signal) {
  return std::max(floor_signal, 0.02 * PercentilesAbove(image_XYZ, 0, {99.0})[0]);
}

// The largest part and every other one of at least min_part_ml.
Tensor BodyParts(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double min_part_ml) {
  const Components parts = LabelComponents(mask_XYZ, Connectivity::k6);
  if (parts.list.empty()) return mask_XYZ;
  const double vox_ml = spacing_mm.x * spacing_mm.y * spacing_mm.z / 1000.0;
  int64_t largest_vox = 0;
  for (const Component& part : parts.list) largest_vox = std::max(largest_vox, part.num_vox);
  Tensor keep = at::zeros({std::ssize(parts.list) + 1}, at::kBool);
  for (const Component& part : parts.list) {
    keep[part.label] =
        part.num_vox == largest_vox || static_cast<double>(part.num_vox) * vox_ml >= min_part_ml;
  }
  return keep.index_select(0, parts.labels_XYZ.flatten()).view(mask_XYZ.sizes());
}

// Flood from the slice's border through background; what it does not reach is body.
void FillSlice(const bool* mask, bool* filled, int64_t size_x, int64_t size_y, int64_t stride) {
  std::vector<char> outside(static_cast<std::size_t>(size_x * size_y), 0);
  std::vector<int64_t> stack;
  const auto visit = [&](int64_t x, int64_t y) {
    if (x < 0 || y < 0 || x >= size_x || y >= size_y) return;
    const int64_t i = x * size_y + y;
    if (mask[i * stride] || outside[static_cast<std::size_t>(i)] != 0) return;
    outside[static_cast<std::size_t>(i)] = 1;
    stack.push_back(i);
  };
  for (int64_t x = 0; x < size_x; ++x) {
    visit(x, 0);
    visit(x, size_y - 1);
  }
  for (int64_t y = 0; y < size_y; ++y) {
    visit(0, y);
    visit(size_x - 1, y);
  }
  while (!stack.empty()) {
    const int64_t i = stack.back();
    stack.pop_back();
    const int64_t x = i / size_y;
    const int64_t y = i % size_y;
    visit(x - 1, y);
    visit(x + 1, y);
    visit(x, y - 1);
    visit(x, y + 1);
  }
  for (int64_t i = 0; i < size_x * size_y; ++i) {
    filled[i * stride] = outside[static_cast<std::size_t>(i)] == 0;
  }
}

Tensor FillAxialHoles(const Tensor& mask_XYZ) {
  const Tensor source_XYZ = mask_XYZ.to(at::kBool).contiguous();
  Tensor filled_XYZ = at::empty_like(source_XYZ);
  const bool* source = source_XYZ.const_data_ptr<bool>();
  bool* filled = filled_XYZ.mutable_data_ptr<bool>();
  const int64_t size_z = source_XYZ.size(2);
  ParallelFor(size_z, 1, [&](int64_t begin, int64_t end) {
    for (int64_t z = begin; z < end; ++z) {
      FillSlice(source + z, filled + z, source_XYZ.size(0), source_XYZ.size(1), size_z);
    }
  });
  return filled_XYZ;
}

// Edge values go on beyond the array, else a closing eats the body where the station ends.
Tensor CloseWithEdges(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm) {
  std::vector<int64_t> pad;
  for (const std::size_t a : {std::size_t{2}, std::size_t{1}, std::size_t{0}}) {
    const auto margin_vox = static_cast<int64_t>(radius_mm / spacing_mm[a]) + 1;
    pad.insert(pad.end(), {margin_vox, margin_vox});
  }
  const Tensor padded = at::replication_pad3d(mask_XYZ.to(at::kFloat).unsqueeze(0), pad)[0] > 0.5;
  Tensor closed = Erode(Dilate(padded, spacing_mm, radius_mm), spacing_mm, radius_mm);
  for (int64_t a = 0; a < 3; ++a) {
    const int64_t margin_vox = pad[static_cast<std::size_t>(2 * (2 - a))];
    closed = closed.narrow(a, margin_vox, mask_XYZ.size(a));
  }
  return closed.contiguous();
}

// Voxels per axis that together are at most estimate_mm long.
std::array<int64_t, 3> CoarseFactor(const Geometry& grid, double estimate_mm) {
  std::array<int64_t, 3> factor{};
  for (std::size_t a = 0; a < 3; ++a) {
    factor[a] = std::clamp<int64_t>(
        static_cast<int64_t>(estimate_mm / grid.spacing_mm[a] + 1e-6), 1, grid.size_vox[a]);
  }
  return factor;
}

Tensor MaskOfGrid(const Tensor& image_XYZ,
                  const XyzDouble& spacing_mm,
                  const BodyMaskOptions& options,
                  double floor_signal) {
  const double threshold = options.threshold == MaskThreshold::kOtsu
                               ? LogOtsu(image_XYZ)
                               : AuthorThreshold(image_XYZ, floor_signal);
  Tensor mask_XYZ = BodyParts(image_XYZ > threshold, spacing_mm, options.min_part_ml);
  if (options.closing_mm > 0) {
    mask_XYZ = CloseWithEdges(mask_XYZ, spacing_mm, options.closing_mm);
  }
  mask_XYZ = FillAxialHoles(mask_XYZ);
  if (options.margin_mm > 0) mask_XYZ = Dilate(mask_XYZ, spacing_mm, options.margin_mm);
  return mask_XYZ;
}

}  // namespace

double OtsuThreshold(const Tensor& values, int num_bins) {
  const double low = values.min().item<double>();
  const double high = values.max().item<double>();
  if (!(high > low)) return low;
  const Tensor counts = at::histc(values.to(at::kFloat), num_bins, low, high).to(at::kDouble);
  const Tensor sums = counts * (at::arange(num_bins, at::kDouble) + 0.5);
  const Tensor below = counts.cumsum(0);
  const Tensor below_sum = sums.cumsum(0);
  const Tensor above = below[-1] - below;
  const Tensor gap = below_sum / below - (below_sum[-1] - below_sum) / above;
  const Tensor between = (below * above * gap.square()).nan_to_num(0.0);
  const int64_t bin = between.argmax().item<int64_t>();
  return low + (high - low) * static_cast<double>(bin + 1) / num_bins;
}

Tensor BodyMask(const Volume& image, const BodyMaskOptions& options, double floor_signal) {
  SAP_REQUIRE(ErrorKind::kInput,
              image.data().max().item<float>() > 0.0F,
              "a station without any signal above 0; check the export of this series");
  const std::array<int64_t, 3> factor = CoarseFactor(image.geometry(), options.estimate_mm);
  if (factor == std::array<int64_t, 3>{1, 1, 1}) {
    return MaskOfGrid(image.data(), image.geometry().spacing_mm, options, floor_signal);
  }
  XyzDouble spacing_mm = image.geometry().spacing_mm;
  for (std::size_t a = 0; a < 3; ++a) spacing_mm[a] *= static_cast<double>(factor[a]);
  // A last block that is not full is the mean of what it has.
  const Tensor coarse_XYZ = at::avg_pool3d(image.data().unsqueeze(0).unsqueeze(0),
                                           factor,
                                           factor,
                                           /*padding=*/0,
                                           /*ceil_mode=*/true,
                                           /*count_include_pad=*/false)[0][0];
  const Tensor mask_XYZ = MaskOfGrid(coarse_XYZ, spacing_mm, options, floor_signal);
  const Tensor fine_XYZ =
      at::upsample_trilinear3d(mask_XYZ.to(at::kFloat).unsqueeze(0).unsqueeze(0),
                               image.data().sizes(),
                               /*align_corners=*/false,
                               static_cast<double>(factor[0]),
                               static_cast<double>(factor[1]),
                               static_cast<double>(factor[2]));
  return fine_XYZ[0][0] >= 0.5;
}

}  // namespace sap::preprocess
