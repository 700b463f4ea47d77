// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/image/volume.h"

namespace sap::preprocess {

enum class MaskThreshold { kOtsu, kAuthor };

struct BodyMaskOptions {
  MaskThreshold threshold = MaskThreshold::kOtsu;
  double t1_floor = 50.0;
  double dwi_floor = 10.0;
  double closing_mm = 6.0;
  double margin_mm = 2.0;
  double estimate_mm = 2.0;
  double min_part_ml = 20.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("threshold", threshold)
        .Help("otsu: from the logarithm's histogram; author: max(floor, 2 % of p99)");
    v.Field("t1_floor", t1_floor).Help("threshold author: least T1 signal").AtLeast(0.0);
    v.Field("dwi_floor", dwi_floor).Help("threshold author: least diffusion signal").AtLeast(0.0);
    v.Field("closing", closing_mm).Help("ball of the binary closing [mm]").Range(0.0, 30.0);
    v.Field("margin", margin_mm).Help("final dilation [mm]").Range(0.0, 20.0);
    v.Field("estimate", estimate_mm)
        .Help("finer voxels are averaged to at most this edge to find the mask; 0 = as they are")
        .Range(0.0, 10.0);
    v.Field("min_part", min_part_ml)
        .Help("parts beside the largest one, such as arms, are body from this volume on [mL]")
        .Range(0.0, 10000.0);
  }
};

// Threshold between two classes that maximises the variance between them (Otsu 1979), from
// num_bins equal bins over the values' range. values: float32, any shape, at least one element.
double OtsuThreshold(const Tensor& values, int num_bins = 256);

// Body of one station (preprocessing §1.3, §6): signal above the threshold, the largest
// 6-connected part and all of at least min_part (arms and hands lie apart in many stations),
// closing, holes filled, margin. Air is never filled: a hole is what an axial slice's
// tissue encloses, so that air beside a body that spans the field of view stays out and lungs that
// reach the station's last slice are still inside. The mask is found on voxels of about
// `estimate` mm, the means of finer ones, and brought back by linear interpolation: a body has no
// finer detail, and a fine station has 20 times the voxels. image: float32, LPS. floor_signal
// belongs to the threshold `author`. Returns bool [X, Y, Z]; kInput when the image holds no signal.
Tensor BodyMask(const Volume& image, const BodyMaskOptions& options, double floor_signal);

}  // namespace sap::preprocess

template <>
struct sap::EnumNames<sap::preprocess::MaskThreshold> {
  static constexpr std::pair<sap::preprocess::MaskThreshold, std::string_view> kNames[] = {
      {sap::preprocess::MaskThreshold::kOtsu, "otsu"},
      {sap::preprocess::MaskThreshold::kAuthor, "author"}};
};
