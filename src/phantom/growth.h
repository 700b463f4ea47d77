// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sap/core/axes.h"
#include "sap/core/rng.h"
#include "sap/core/tensor.h"
#include "sap/image/geometry.h"

namespace sap::phantom {

// An irregular solid: the union of one to three ellipsoids with a rippled surface. Cost(p) grows
// outward from the centre, so that "the n cheapest voxels" has the wanted volume.
class IrregularShape {
 public:
  // radius_mm: of a ball with the wanted volume.
  IrregularShape(Rng& rng, const XyzDouble& centre_mm, double radius_mm);
  double Cost(const XyzDouble& p_mm) const;

 private:
  struct Blob {
    XyzDouble centre_mm;
    XyzDouble inverse_axes_per_mm;
  };
  struct Ripple {
    XyzDouble wave_number_per_mm;
    double phase_rad;
  };
  std::vector<Blob> blobs_;
  std::vector<Ripple> ripples_;
};

// Grows from seed_vox through 6-neighbours in order of cost until `num_vox` voxels are reached or
// the room is used up. Allowed: allowed_XYZ (uint8) != 0 and no mark of marks_XYZ (int16) among
// the 26 neighbours. Returns flat indices; empty when the seed itself is not allowed.
std::vector<int64_t> Grow(const IrregularShape& shape,
                          const Tensor& allowed_XYZ,
                          const Tensor& marks_XYZ,
                          const Geometry& grid,
                          int64_t seed_vox,
                          int64_t num_vox);

// Voxel of a flat C-order index, and back.
XyzInt VoxelOf(const Geometry& grid, int64_t flat);
XyzDouble PointOf(const Geometry& grid, int64_t flat);  // LPS mm
bool TouchesMark(const Tensor& marks_XYZ, const XyzInt& v);

}  // namespace sap::phantom
