// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap {

// Exact Euclidean distance [mm] from each voxel centre to the nearest foreground voxel centre
// (Felzenszwalb and Huttenlocher 2012, separable, anisotropic). mask_XYZ: bool or uint8.
// Returns float32 [X, Y, Z]; all +inf when the mask is empty.
Tensor DistanceToMask(const Tensor& mask_XYZ, const XyzDouble& spacing_mm);

}  // namespace sap
