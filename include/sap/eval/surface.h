// SPDX-License-Identifier: Apache-2.0
// Agreement of the surfaces of two masks (evaluation §1.8).
#pragma once

#include <array>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap::eval {

// Area [mm2] of the surface element of each 2 x 2 x 2 neighbourhood; bit 4 dx + 2 dy + dz of the
// code is the voxel at offset (dx, dy, dz). Codes 0 and 255 have none.
std::array<double, 256> SurfelAreas(const XyzDouble& spacing_mm);

struct SurfaceScores {
  std::vector<double> nsd_surfel;  // per tolerance: share of surface area within it
  std::vector<double> nsd_border;  // per tolerance: share of border voxels within it (MONAI)
  // Over surface elements, weighted by area; NaN where a mask is empty.
  double hd95_mm = 0;         // larger of the two directed 95th percentiles
  double assd_mm = 0;         // mean of the two directed mean distances
  double assd_border_mm = 0;  // the same over border voxels (MedPy, panoptica)
  double reference_area_mm2 = 0;
  double predicted_area_mm2 = 0;
};

// Masks [X, Y, Z] (bool or integer, foreground != 0) on one grid, CPU. Outside the volume is
// background, so a mask that touches the edge is closed there. Both empty: NaN; one empty: 0.
// Distances are cropped to the masks' common box, so small lesions of large volumes are cheap.
SurfaceScores CompareSurfaces(const Tensor& reference_XYZ,
                              const Tensor& predicted_XYZ,
                              const XyzDouble& spacing_mm,
                              const std::vector<double>& tolerances_mm);

}  // namespace sap::eval
