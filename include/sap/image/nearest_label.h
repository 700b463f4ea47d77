// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap {

// For each voxel the value of the nearest one that is not 0, by distance between voxel centres
// (a separable feature transform); of several equally near ones, one of them, always the same.
// labels_XYZ: int32 [X, Y, Z], CPU. Returns int32 of that shape; all 0 when there is no label.
Tensor NearestLabel(const Tensor& labels_XYZ, const XyzDouble& spacing_mm);

}  // namespace sap
