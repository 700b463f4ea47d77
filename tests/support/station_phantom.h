// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sap/image/volume.h"

// An analytic body for tests of station processing: an elliptic trunk of 520 mm with a fat rim,
// vertebrae, cord, organs and a lung, as functions of LPS millimetres. Everything is known
// exactly at every point, so that any grid, shift and gain can be sampled without interpolation.
namespace sap::testing {

double PhantomT1(const XyzDouble& p_mm);          // 0 outside the body
double PhantomAdcUm2PerS(const XyzDouble& p_mm);  // 0 outside the body
double PhantomDwi(const XyzDouble& p_mm, double b_s_per_mm2);
bool PhantomInside(const XyzDouble& p_mm);  // inside the skin, lung included

struct SamplingOptions {
  XyzDouble shift_mm;  // the grid believes to be at p, and sees p + shift
  double gain = 1;
  double bias = 0;      // smooth field of about this standard deviation [log units]
  double noise_sd = 0;  // Rician
  uint64_t seed = 1;
  // A voxel is the mean over so many points along each axis, as a scanner's is over its volume. One
  // point is exact anywhere, but staircases edges, which then lie at a fraction of a voxel that no
  // registration can see.
  int points_per_axis = 1;
};

// Voxel values of a point function on a grid.
Volume SamplePhantom(const Geometry& grid,
                     const std::function<double(const XyzDouble& p_mm)>& signal,
                     const SamplingOptions& options = {});

// Log of the smooth field that `bias` switches on, at index v of a grid.
double PhantomLogBias(const Geometry& grid, const XyzDouble& at_vox, double bias);

Tensor PhantomMaskXYZ(const Geometry& grid, const XyzDouble& shift_mm = {});  // bool

// `count` grids of size_z slices above each other that share overlap_vox slices, from z_mm up.
std::vector<Geometry> StationGrids(int count,
                                   const XyzInt& size_vox,
                                   const XyzDouble& spacing_mm,
                                   int64_t overlap_vox,
                                   double z_mm = -240);

}  // namespace sap::testing
