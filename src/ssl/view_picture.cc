// SPDX-License-Identifier: Apache-2.0
#include "ssl/view_picture.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "sap/image/gray_png.h"
#include "sap/image/intensity.h"

namespace sap::ssl {
namespace {

constexpr int64_t kMinPanelPixels = 96;
constexpr int64_t kGapPixels = 4;
constexpr uint8_t kGapGrey = 64;
constexpr double kBrightPct = 99.5;
constexpr double kLeastRange = 1e-3;  // of a plane without content

Tensor MiddlePlane(const Tensor& crop_XYZ) {
  return crop_XYZ.select(0, crop_XYZ.size(0) / 2).detach().to(at::kCPU, at::kFloat).contiguous();
}

// Grey levels [rows, columns] with Z upwards, magnified by whole numbers, with a margin.
Tensor Panel(const Tensor& plane_YZ, double low, double high) {
  const Tensor grey_YZ = ((plane_YZ - low) / (high - low)).clamp(0, 1).mul(255).to(at::kByte);
  const int64_t magnified =
      std::max<int64_t>(1, kMinPanelPixels / std::min(plane_YZ.size(0), plane_YZ.size(1)));
  const Tensor upright =
      grey_YZ.t().flip(0).repeat_interleave(magnified, 0).repeat_interleave(magnified, 1);
  return at::constant_pad_nd(upright, {0, kGapPixels, 0, kGapPixels}, kGapGrey);
}

}  // namespace

void ViewPicture::AddRow(const Tensor& target_CXYZ,
                         const Tensor& input_CXYZ,
                         const Tensor& reconstruction_CXYZ) {
  std::vector<Tensor> panels;
  for (int64_t c = 0; c < target_CXYZ.size(0); ++c) {
    const Tensor target_YZ = MiddlePlane(target_CXYZ[c]);
    const double low = std::min(0.0, target_YZ.min().item<double>());
    const double high = std::max(Percentiles(target_YZ, {kBrightPct})[0], low + kLeastRange);
    for (const Tensor& plane :
         {target_YZ, MiddlePlane(input_CXYZ[c]), MiddlePlane(reconstruction_CXYZ[c])}) {
      panels.push_back(Panel(plane, low, high));
    }
  }
  rows_.push_back(at::cat(panels, 1));
}

void ViewPicture::Write(const fs::path& path) const {
  CreateFolder(path.parent_path());
  WriteGrayPng(path, at::cat(rows_, 0));
}

}  // namespace sap::ssl
