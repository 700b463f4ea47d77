// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "sap/core/axes.h"

namespace sap {

using Matrix3 = std::array<std::array<double, 3>, 3>;  // [row][column]

// The physical grid of a volume, in LPS millimetres (ITK, DICOM):
//   lps_mm = origin_mm + direction * (spacing_mm * index_vox).
// Column a of `direction` is the unit vector of array axis a (i, j, k).
struct Geometry {
  XyzInt size_vox{1, 1, 1};
  XyzDouble spacing_mm{1, 1, 1};
  XyzDouble origin_mm{0, 0, 0};
  Matrix3 direction{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

  int64_t NumVoxels() const { return size_vox.Product(); }
  double VoxelMl() const { return spacing_mm.Product() / 1000.0; }

  XyzDouble LpsFromVox(const XyzDouble& index_vox) const;
  XyzDouble VoxFromLps(const XyzDouble& lps_mm) const;

  // Same size, and corners of the grid within tol_mm of each other.
  bool SameGridAs(const Geometry& other, double tol_mm = 1e-3) const;
  // "spacing 2.5x2.5x2.5 mm against 1x1x1 mm", the first thing that differs; empty when same.
  std::string DifferenceFrom(const Geometry& other, double tol_mm = 1e-3) const;
  std::string ToString() const;

  // Grid of a box of this grid.
  Geometry Cropped(const Box& box) const;
  // Three letters, the patient direction that each array axis runs TOWARDS, nearest axis:
  // "LPS" for the identity direction.
  std::string OrientationCode() const;
};

}  // namespace sap
