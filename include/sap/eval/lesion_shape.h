// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/image/components.h"

namespace sap::eval {

// Largest distances between voxel centres of a lesion (ITK's Feret diameter): one voxel has 0 mm.
// No voxel extent is added: on balls of 8 to 20 mm the distance of centres is 0.03 to 1.1 mm short,
// that of outer corners 1.8 to 4.6 mm long (docs/evaluation.md).
struct LesionShape {
  double longest_mm = std::numeric_limits<double>::quiet_NaN();
  double axial_mm = std::numeric_limits<double>::quiet_NaN();  // within one axial slice
};

// labels_XYZ: int32, contiguous, CPU; `component` is one of its labels. Slices are those of array
// axis `axial_axis`. Exact: the two farthest voxels are corners of the convex hulls of their
// slices, so only those are compared.
LesionShape MeasureShape(const Tensor& labels_XYZ,
                         const Component& component,
                         const XyzDouble& spacing_mm,
                         int axial_axis);

// Mean and largest value of map_XYZ (float32) inside each component, in one pass over the labels.
// Voxels of at most 0 have no apparent diffusion coefficient and do not count in the mean, which
// is NaN where none is left.
std::vector<double> MeanPositiveInside(const Tensor& labels_XYZ,
                                       const std::vector<Component>& components,
                                       const Tensor& map_XYZ);
std::vector<double> LargestInside(const Tensor& labels_XYZ,
                                  const std::vector<Component>& components,
                                  const Tensor& map_XYZ);

}  // namespace sap::eval
