// SPDX-License-Identifier: Apache-2.0
// Letters: R rows and C columns of a picture.
#include <algorithm>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/eval/gallery.h"
#include "sap/image/intensity.h"
#include "sap/image/resample.h"

namespace sap::eval {
namespace {

constexpr int64_t kTilePx = 176;
constexpr int64_t kGapPx = 4;
constexpr int64_t kRingPx = 2;

// Colours: greys, then the outlines of Okabe and Ito's orange and sky blue, and the gap.
constexpr int64_t kNumGreys = 96;  // few, so that files stay small
constexpr int64_t kReferenceIndex = kNumGreys;
constexpr int64_t kPredictionIndex = kNumGreys + 1;
constexpr int64_t kGapIndex = kNumGreys + 2;

std::vector<Rgb> Palette() {
  std::vector<Rgb> palette;
  for (int64_t i = 0; i < kNumGreys; ++i) {
    const auto grey = static_cast<uint8_t>(255 * i / (kNumGreys - 1));
    palette.push_back({grey, grey, grey});
  }
  palette.push_back({0xE6, 0x9F, 0x00});
  palette.push_back({0x56, 0xB4, 0xE9});
  palette.push_back({255, 255, 255});
  return palette;
}

enum class Cut { kCoronal, kAxial };

// A square plane through the centre, along the patient's axes whatever those of the volume are.
Geometry PlaneOf(const GalleryView& view, Cut cut) {
  const double pixel_mm = view.side_mm / static_cast<double>(kTilePx);
  const std::size_t down = cut == Cut::kCoronal ? 2 : 1;
  Geometry plane{.size_vox = {kTilePx, 1, 1},
                 .spacing_mm = {pixel_mm, pixel_mm, pixel_mm},
                 .origin_mm = view.centre_lps_mm};
  plane.size_vox[down] = kTilePx;
  const double half_mm = 0.5 * pixel_mm * static_cast<double>(kTilePx - 1);
  plane.origin_mm.x -= half_mm;
  plane.origin_mm[down] -= half_mm;
  return plane;
}

// The plane as rows and columns: left to the right; head or front at the top.
Tensor Pixels(const Volume& volume, const GalleryView& view, Cut cut, Interpolation interpolation) {
  const Tensor plane_XYZ = Resample(volume, PlaneOf(view, cut), interpolation).data();
  if (cut == Cut::kCoronal) return plane_XYZ.select(1, 0).t().flip(0).contiguous();
  return plane_XYZ.select(2, 0).t().contiguous();
}

// Within kRingPx pixels of the mask; beyond the picture there is nothing.
Tensor Grown(const Tensor& mask_RC) {
  constexpr int64_t kSide = 2 * kRingPx + 1;
  return at::max_pool2d(
             mask_RC.to(at::kFloat).unsqueeze(0), {kSide, kSide}, {1, 1}, {kRingPx, kRingPx})[0] >
         0;
}

Tensor InnerRing(const Tensor& mask_RC) {
  return mask_RC.logical_and(Grown(mask_RC.logical_not()));
}

Tensor OuterRing(const Tensor& mask_RC) {
  return Grown(mask_RC).logical_and(mask_RC.logical_not());
}

Tensor GreyIndices(const Tensor& pixels_RC, double low, double high) {
  const double range = high > low ? high - low : 1.0;
  return ((pixels_RC - low) / range).clamp(0, 1).mul(kNumGreys - 1).round().to(at::kByte);
}

// Coronal above axial for one image.
Tensor Column(const GalleryExam& exam, const Volume& image, const GalleryView& view) {
  std::vector<Tensor> tiles;
  for (const Cut cut : {Cut::kCoronal, Cut::kAxial}) {
    tiles.push_back(Pixels(image, view, cut, Interpolation::kLinear));
  }
  const std::vector<double> window = Percentiles(at::cat(tiles, 0), {1.0, 99.5});
  std::vector<Tensor> column;
  for (const Cut cut : {Cut::kCoronal, Cut::kAxial}) {
    Tensor indices_RC = GreyIndices(tiles[column.empty() ? 0 : 1], window[0], window[1]);
    const auto mask = [&](const Volume& volume) {
      return Pixels(volume, view, cut, Interpolation::kNearest) != 0;
    };
    indices_RC.masked_fill_(OuterRing(mask(exam.prediction)), kPredictionIndex);
    indices_RC.masked_fill_(InnerRing(mask(exam.reference)), kReferenceIndex);
    if (!column.empty()) column.push_back(at::full({kGapPx, kTilePx}, kGapIndex, at::kByte));
    column.push_back(indices_RC);
  }
  return at::cat(column, 0);
}

}  // namespace

std::string GalleryPng(const GalleryExam& exam, const GalleryView& view) {
  SAP_CHECK(!exam.images.empty());
  std::vector<Tensor> columns;
  for (const Volume& image : exam.images) {
    if (!columns.empty()) {
      columns.push_back(at::full({columns[0].size(0), kGapPx}, kGapIndex, at::kByte));
    }
    columns.push_back(Column(exam, image, view));
  }
  return PalettePngBytes(at::cat(columns, 1), Palette());
}

}  // namespace sap::eval
