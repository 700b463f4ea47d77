// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/image/volume.h"
#include "sap/preprocess/register_to_t1.h"

namespace sap::preprocess {

// One corrected station, ready for its only interpolation.
struct MergeInput {
  Volume image;     // float32; the inter-station shift is already in its origin
  Tensor mask_XYZ;  // bool; voxels outside do not contribute
};

struct Merged {
  Volume image;     // float32 on the grid asked for, 0 outside the body
  Tensor body_XYZ;  // bool: at least half of one station's sample lies in its mask
};

// The smallest grid that holds all stations, with the middle station's axes and spacing_mm.
Geometry MergedGrid(const std::vector<Geometry>& stations, const XyzDouble& spacing_mm);

// Samples every station once, by linear interpolation, at station_from_grid(point), and blends
// (preprocessing §1.8). Weights fall linearly to a station's last voxel centre over the length
// that it shares with its neighbour there, and count only the part of a sample that is inside the
// mask, so that a masked station neither darkens nor hides the other. Nothing but the output is
// held. stations: by ascending position, at least one.
Merged MergeStations(const std::vector<MergeInput>& stations,
                     const Geometry& grid,
                     const RigidMap& station_from_grid = {});

// Planes between neighbouring stations, in grid voxels along z: the middle of each overlap or gap.
std::vector<double> SeamsVox(const std::vector<Geometry>& stations, const Geometry& grid);

}  // namespace sap::preprocess
