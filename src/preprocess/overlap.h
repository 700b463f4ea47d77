// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "sap/image/volume.h"

namespace sap::preprocess {

// Box of `grid` whose voxel centres may lie in `other` (its eight corners' bounding box, shifted
// by shift_mm), grown by margin_vox; nothing when the grids do not meet.
std::optional<Box> OverlapBox(const Geometry& grid, const Geometry& other, double margin_mm = 0);

Volume Cropped(const Volume& volume, const Box& box);

}  // namespace sap::preprocess
