// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap {

// Binary morphology with a ball of radius_mm on voxels of spacing_mm, exact by distance maps:
// a voxel belongs to the result when its centre is within radius_mm (1e-9 relative slack).
// mask_XYZ: bool or uint8; returns bool. Outside the array is background.
Tensor Dilate(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm);
Tensor Erode(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm);

// Background components that do not touch the array's border become foreground (6-connected).
Tensor FillHoles(const Tensor& mask_XYZ);

}  // namespace sap
