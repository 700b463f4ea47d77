// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/image/geometry.h"
#include "sap/image/volume.h"

namespace sap::preprocess {

// A rigid map of points in LPS millimetres: to = rotation * from + offset_mm.
struct RigidMap {
  Matrix3 rotation{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  XyzDouble offset_mm;

  XyzDouble Apply(const XyzDouble& point_mm) const;
  double AngleDeg() const;
};

enum class DriverImage { kB1000, kAdc, kLowestB };

struct T1RegistrationOptions {
  DriverImage driver = DriverImage::kAdc;
  double estimate_mm = 4.0;
  int samples = 200000;
  int bins = 32;
  int iterations = 200;
  double max_shift_mm = 40.0;
  double max_angle_deg = 10.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("driver", driver)
        .Help("diffusion image that is matched to T1; without an ADC map b1000");
    v.Field("estimate", estimate_mm).Help("voxel size of the estimate [mm]").Range(1.0, 10.0);
    v.Field("samples", samples)
        .Help("most voxels that a level compares; a fifth of them at most")
        .AtLeast(1000);
    v.Field("bins", bins).Help("bins of the mutual information").Range(8, 256);
    v.Field("iterations", iterations).Help("most steps of each of three levels").Range(1, 5000);
    v.Field("max_shift", max_shift_mm)
        .Help("a larger shift of the body's centre is refused [mm]")
        .Range(0.0, 200.0);
    v.Field("max_angle", max_angle_deg)
        .Help("a larger angle is refused [degrees]")
        .Range(0.0, 90.0);
  }
};

struct T1Registration {
  RigidMap dwi_from_t1;  // identity where that was better or the result was refused
  XyzDouble shift_mm;    // of the T1 body's centre
  double angle_deg = 0;
  double information_before = 0;  // mutual information [nats] inside the T1 body
  double information_after = 0;   // never smaller
  std::string notice;             // why identity was kept; empty otherwise
};

// Mutual information [nats] of t1(p) and dwi(dwi_from_t1(p)) over the mask's voxels that fall
// inside `dwi`, from a bins x bins joint histogram with linear weights.
double MutualInformation(const Volume& t1,
                         const Tensor& mask_XYZ,
                         const Volume& dwi,
                         const RigidMap& dwi_from_t1,
                         int bins);

// Rigid registration of the diffusion volume to T1 by Mattes mutual information over three levels
// (preprocessing §1.9, §3.2). t1, dwi: float32 on grids of about estimate_mm; t1_mask_XYZ: bool.
T1Registration RegisterToT1(const Volume& t1,
                            const Tensor& t1_mask_XYZ,
                            const Volume& dwi,
                            const T1RegistrationOptions& options = {});

}  // namespace sap::preprocess

template <>
struct sap::EnumNames<sap::preprocess::DriverImage> {
  static constexpr std::pair<sap::preprocess::DriverImage, std::string_view> kNames[] = {
      {sap::preprocess::DriverImage::kB1000, "b1000"},
      {sap::preprocess::DriverImage::kAdc, "adc"},
      {sap::preprocess::DriverImage::kLowestB, "lowest_b"}};
};
