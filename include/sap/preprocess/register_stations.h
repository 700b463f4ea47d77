// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/image/volume.h"

namespace sap::preprocess {

struct StationRegistrationOptions {
  double max_shift_mm = 30.0;
  double coarse_mm = 8.0;
  double final_mm = 0.02;
  int samples = 60000;
  int min_vox = 500;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("max_shift", max_shift_mm)
        .Help("largest shift between neighbours, per axis [mm]")
        .Range(0.0, 100.0);
    v.Field("coarse", coarse_mm).Help("step of the exhaustive first search [mm]").Range(1.0, 30.0);
    v.Field("final", final_mm).Help("step at which the search ends [mm]").Range(1e-3, 1.0);
    v.Field("samples", samples).Help("voxels of the overlap that are compared").AtLeast(500);
    v.Field("min_vox", min_vox).Help("fewest body voxels in the overlap").AtLeast(10);
  }
};

struct PairMotion {
  int fixed_idx = 0;
  int moving_idx = 0;
  XyzDouble shift_mm;             // added to the moving station's position
  double correlation_before = 0;  // of the overlap, at identity
  double correlation_after = 0;   // never smaller
  bool moved = false;
};

struct StationMotions {
  std::vector<XyzDouble> shift_mm;  // per station, to be added to its origin
  std::vector<PairMotion> pairs;
  std::vector<std::string> notices;
};

// Translation of neighbouring stations onto each other, outward from station (n - 1) / 2
// (preprocessing §1.6): maximises the correlation coefficient over the overlap, exhaustively on a
// coarse grid and then by shrinking steps, within +-max_shift_mm; deterministic. A pair that
// overlaps too little, or that no shift improves, keeps identity and gives a notice.
// images, masks_XYZ (bool): by ascending station.
StationMotions RegisterStations(const std::vector<Volume>& images,
                                const std::vector<Tensor>& masks_XYZ,
                                const StationRegistrationOptions& options = {});

}  // namespace sap::preprocess
