// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sap/image/volume.h"

namespace sap {

// Permutes and flips axes so that OrientationCode() is `code` ("LPS"); voxels are moved, never
// interpolated, and every voxel keeps its place in the patient.
Volume Reorient(const Volume& volume, const std::string& code = "LPS");

// Brings `volume` (on a reoriented grid of `native`) back onto exactly the grid `native`.
Volume ReorientLike(const Volume& volume, const Geometry& native);

}  // namespace sap
