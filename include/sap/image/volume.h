// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "sap/core/tensor.h"
#include "sap/image/geometry.h"

namespace sap {

// Voxels with their physical grid. data_XYZ is [X, Y, Z] in array axis order i, j, k of the NIfTI
// file (nibabel's and MONAI's order), contiguous (z fastest), on the CPU; float32 for intensities
// and probabilities, uint8, int16 or int32 for labels.
class Volume {
 public:
  Volume() = default;
  Volume(Tensor data_XYZ, Geometry geometry);  // SAP_CHECK: sizes agree, 3-D, CPU

  const Tensor& data() const { return data_XYZ_; }
  const Geometry& geometry() const { return geometry_; }
  bool SameGridAs(const Volume& other, double tol_mm = 1e-3) const {
    return geometry_.SameGridAs(other.geometry_, tol_mm);
  }
  Volume WithData(Tensor data_XYZ) const { return {std::move(data_XYZ), geometry_}; }

 private:
  Tensor data_XYZ_;
  Geometry geometry_;
};

}  // namespace sap
