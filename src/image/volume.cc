// SPDX-License-Identifier: Apache-2.0
#include "sap/image/volume.h"

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap {

Volume::Volume(Tensor data_XYZ, Geometry geometry)
    : data_XYZ_(std::move(data_XYZ)), geometry_(std::move(geometry)) {
  SAP_CHECK(data_XYZ_.dim() == 3 && data_XYZ_.device().is_cpu(),
            "a volume of {}",
            ShapeString(data_XYZ_));
  const XyzInt& size_vox = geometry_.size_vox;
  SAP_CHECK(data_XYZ_.size(0) == size_vox.x && data_XYZ_.size(1) == size_vox.y &&
                data_XYZ_.size(2) == size_vox.z,
            "{} on a grid of {}",
            ShapeString(data_XYZ_),
            geometry_.ToString());
  data_XYZ_ = data_XYZ_.contiguous();
}

}  // namespace sap
