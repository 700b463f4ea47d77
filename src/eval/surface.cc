// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/surface.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/image/distance.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Distance maps are float32 and spacings mostly rounded floats: a distance that equals the
// tolerance on paper must count as within it.
constexpr double kRelativeSlack = 1e-6;

// Elements of one mask's surface with their distance to the other's.
struct Elements {
  std::vector<double> distance_mm;
  std::vector<double> weight;  // area [mm2], or 1 for a border voxel
};

// mask_XYZ: bool, contiguous, not empty.
Box BoundingBox(const Tensor& mask_XYZ) {
  const XyzInt size{mask_XYZ.size(0), mask_XYZ.size(1), mask_XYZ.size(2)};
  const bool* row = mask_XYZ.data_ptr<bool>();
  Box box{size, {0, 0, 0}};
  for (int64_t x = 0; x < size.x; ++x) {
    for (int64_t y = 0; y < size.y; ++y, row += size.z) {
      const bool* first = std::find(row, row + size.z, true);
      if (first == row + size.z) continue;
      int64_t last = size.z - 1;
      while (!row[last]) --last;
      const XyzInt low{x, y, first - row};
      const XyzInt high{x, y, last};
      for (std::size_t a = 0; a < 3; ++a) {
        box.begin_vox[a] = std::min(box.begin_vox[a], low[a]);
        box.end_vox[a] = std::max(box.end_vox[a], high[a] + 1);
      }
    }
  }
  return box;
}

// The box with one voxel of background on every side, uint8 0 or 1.
Tensor PaddedCrop(const Tensor& mask_XYZ, const Box& box) {
  Tensor crop_XYZ = mask_XYZ;
  for (std::size_t a = 0; a < 3; ++a) {
    crop_XYZ = crop_XYZ.slice(static_cast<int64_t>(a), box.begin_vox[a], box.end_vox[a]);
  }
  return at::constant_pad_nd(crop_XYZ.to(at::kByte), {1, 1, 1, 1, 1, 1}).contiguous();
}

// Code of the 2 x 2 x 2 voxels around each inner corner: [X - 1, Y - 1, Z - 1].
Tensor NeighbourhoodCodes(const Tensor& padded_XYZ) {
  Tensor codes = at::zeros({padded_XYZ.size(0) - 1, padded_XYZ.size(1) - 1, padded_XYZ.size(2) - 1},
                           at::kByte);
  for (int64_t bit = 0; bit < 8; ++bit) {
    const Tensor shifted = padded_XYZ.narrow(0, bit >> 2, codes.size(0))
                               .narrow(1, bit >> 1 & 1, codes.size(1))
                               .narrow(2, bit & 1, codes.size(2));
    codes.add_(shifted, 1 << bit);
  }
  return codes;
}

// Voxels of the mask with a background neighbour across a face.
Tensor BorderVoxels(const Tensor& padded_XYZ) {
  const Tensor inner = padded_XYZ.slice(0, 1, -1).slice(1, 1, -1).slice(2, 1, -1);
  Tensor eroded = inner.clone();
  for (int64_t axis = 0; axis < 3; ++axis) {
    for (const int64_t offset : {0, 2}) {
      Tensor neighbour = padded_XYZ;
      for (int64_t a = 0; a < 3; ++a) {
        neighbour = neighbour.narrow(a, a == axis ? offset : 1, inner.size(a));
      }
      eroded.mul_(neighbour);
    }
  }
  return inner - eroded;
}

template <typename WeightOf>
Elements Measure(const Tensor& own, const Tensor& distance_to_other, const WeightOf& weight_of) {
  Elements elements;
  const Tensor own_flat = own.contiguous();
  const auto* value = own_flat.data_ptr<uint8_t>();
  const auto* distance = distance_to_other.data_ptr<float>();
  for (int64_t i = 0; i < own_flat.numel(); ++i) {
    const double weight = weight_of(value[i]);
    if (weight <= 0) continue;
    elements.distance_mm.push_back(distance[i]);
    elements.weight.push_back(weight);
  }
  return elements;
}

double Total(const Elements& e) {
  return std::accumulate(e.weight.begin(), e.weight.end(), 0.0);
}

double Within(const Elements& e, double tolerance_mm) {
  double within = 0;
  for (std::size_t i = 0; i < e.weight.size(); ++i) {
    if (e.distance_mm[i] <= tolerance_mm * (1 + kRelativeSlack)) within += e.weight[i];
  }
  return within;
}

std::vector<double> Nsd(const Elements& g, const Elements& p, const std::vector<double>& taus_mm) {
  std::vector<double> nsd;
  for (const double tau_mm : taus_mm) {
    nsd.push_back((Within(g, tau_mm) + Within(p, tau_mm)) / (Total(g) + Total(p)));
  }
  return nsd;
}

double MeanDistance(const Elements& e) {
  return std::inner_product(e.weight.begin(), e.weight.end(), e.distance_mm.begin(), 0.0) /
         Total(e);
}

// The smallest distance that covers `share` of the weight.
double WeightedPercentile(const Elements& e, double share) {
  std::vector<std::size_t> order(e.weight.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return e.distance_mm[a] < e.distance_mm[b];
  });
  const double wanted = share * Total(e);
  double covered = 0;
  for (const std::size_t i : order) {
    covered += e.weight[i];
    if (covered >= wanted) return e.distance_mm[i];
  }
  return e.distance_mm[order.back()];
}

SurfaceScores OfEmpty(double nsd, std::size_t num_tolerances) {
  return {.nsd_surfel = std::vector<double>(num_tolerances, nsd),
          .nsd_border = std::vector<double>(num_tolerances, nsd),
          .hd95_mm = kNaN,
          .assd_mm = kNaN,
          .assd_border_mm = kNaN};
}

}  // namespace

SurfaceScores CompareSurfaces(const Tensor& reference_XYZ,
                              const Tensor& predicted_XYZ,
                              const XyzDouble& spacing_mm,
                              const std::vector<double>& tolerances_mm) {
  SAP_CHECK(reference_XYZ.dim() == 3 && reference_XYZ.sizes() == predicted_XYZ.sizes(),
            "{} against {}",
            ShapeString(reference_XYZ),
            ShapeString(predicted_XYZ));
  const Tensor reference = reference_XYZ != 0;
  const Tensor predicted = predicted_XYZ != 0;
  const bool has_reference = reference.any().item<bool>();
  const bool has_predicted = predicted.any().item<bool>();
  // Decided before any distance map: the distance to nothing has no meaning.
  if (!has_reference || !has_predicted) {
    return OfEmpty(has_reference == has_predicted ? kNaN : 0.0, tolerances_mm.size());
  }
  const Box box = BoundingBox(reference.logical_or(predicted).contiguous());
  const Tensor g_XYZ = PaddedCrop(reference, box);
  const Tensor p_XYZ = PaddedCrop(predicted, box);
  const Tensor g_codes = NeighbourhoodCodes(g_XYZ);
  const Tensor p_codes = NeighbourhoodCodes(p_XYZ);
  const auto on_surface = [](const Tensor& codes) {
    return codes.ne(0).logical_and(codes.ne(255));
  };
  const std::array<double, 256> areas_mm2 = SurfelAreas(spacing_mm);
  const auto area_of = [&](uint8_t code) { return areas_mm2[code]; };
  const Elements g = Measure(g_codes, DistanceToMask(on_surface(p_codes), spacing_mm), area_of);
  const Elements p = Measure(p_codes, DistanceToMask(on_surface(g_codes), spacing_mm), area_of);
  const Tensor g_border = BorderVoxels(g_XYZ);
  const Tensor p_border = BorderVoxels(p_XYZ);
  const auto one = [](uint8_t voxel) { return static_cast<double>(voxel); };
  const Elements g_edge = Measure(g_border, DistanceToMask(p_border, spacing_mm), one);
  const Elements p_edge = Measure(p_border, DistanceToMask(g_border, spacing_mm), one);
  return {.nsd_surfel = Nsd(g, p, tolerances_mm),
          .nsd_border = Nsd(g_edge, p_edge, tolerances_mm),
          .hd95_mm = std::max(WeightedPercentile(g, 0.95), WeightedPercentile(p, 0.95)),
          .assd_mm = 0.5 * (MeanDistance(g) + MeanDistance(p)),
          .assd_border_mm = 0.5 * (MeanDistance(g_edge) + MeanDistance(p_edge)),
          .reference_area_mm2 = Total(g),
          .predicted_area_mm2 = Total(p)};
}

}  // namespace sap::eval
