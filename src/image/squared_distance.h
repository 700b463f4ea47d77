// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sap/core/axes.h"

namespace sap {

// Squared Euclidean distance [mm2] from each voxel to the nearest nonzero voxel of `mask`
// (contiguous [X, Y, Z] bytes); +inf when there is none. T (float or double) is how values are
// kept between the passes along z, y and x; each pass computes in double.
template <typename T>
void SquaredDistances(const uint8_t* mask,
                      const XyzInt& size_vox,
                      const XyzDouble& spacing_mm,
                      T* squared_mm2);

}  // namespace sap
