// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_qc.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "sap/image/gray_png.h"
#include "sap/image/intensity.h"

namespace sap::cli {
namespace {

constexpr double kPixelMm = 1.5;
constexpr int64_t kGap = 6;
constexpr int64_t kMark = 14;

// Grey levels [rows, columns], uint8, row 0 at the head; `bright` is the whitest signal.
Tensor Panel(const Volume& volume, double bright, int64_t across_axis, bool inverted) {
  const Geometry& grid = volume.geometry();
  const auto other = static_cast<std::size_t>(1 - across_axis);
  const Tensor slice_AZ =
      volume.data().select(static_cast<int64_t>(other), grid.size_vox[other] / 2);
  const auto pixels = [&](std::size_t axis) {
    const double extent_mm = static_cast<double>(grid.size_vox[axis]) * grid.spacing_mm[axis];
    return std::max<int64_t>(std::llround(extent_mm / kPixelMm), 1);
  };
  const std::vector<int64_t> size = {pixels(static_cast<std::size_t>(across_axis)), pixels(2)};
  const Tensor scaled_AZ = at::upsample_bilinear2d(
      slice_AZ.unsqueeze(0).unsqueeze(0).to(at::kFloat), size, /*align_corners=*/false)[0][0];
  Tensor grey = (scaled_AZ / bright).clamp(0.0, 1.0);
  if (inverted) grey = 1.0 - grey;
  return (grey * 255.0).to(at::kByte).t().flip(0).contiguous();
}

void MarkSeams(Tensor& panel, const std::vector<double>& seams_vox, const Geometry& grid) {
  const int64_t rows = panel.size(0);
  for (const double seam : seams_vox) {
    const double z_mm = (seam + 0.5) * grid.spacing_mm.z;
    const int64_t row = rows - 1 - std::llround(z_mm / kPixelMm);
    if (row < 0 || row >= rows) continue;
    const int64_t mark = std::min(kMark, panel.size(1));
    panel[row].narrow(0, 0, mark).fill_(160);
    panel[row].narrow(0, panel.size(1) - mark, mark).fill_(160);
  }
}

}  // namespace

void WriteQcPng(const fs::path& path, const preprocess::CaseVolumes& volumes) {
  std::vector<Tensor> panels;
  int64_t rows = 0;
  for (const bool diffusion : {false, true}) {
    const Volume& volume = diffusion ? volumes.b1000 : volumes.t1;
    const double bright = PercentilesAbove(volume.data(), 0, {99.5})[0];
    for (const int64_t across_axis : {0, 1}) {
      Tensor panel = Panel(volume, bright, across_axis, diffusion);
      MarkSeams(panel, diffusion ? volumes.dwi_seams_vox : volumes.t1_seams_vox, volume.geometry());
      rows = std::max(rows, panel.size(0));
      panels.push_back(panel);
    }
  }
  std::vector<Tensor> padded;
  for (const Tensor& panel : panels) {
    padded.push_back(at::constant_pad_nd(panel, {0, kGap, 0, rows - panel.size(0)}, 64));
  }
  WriteGrayPng(path, at::cat(padded, 1));
}

}  // namespace sap::cli
