// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap {

enum class Connectivity { k6 = 6, k18 = 18, k26 = 26 };

struct Component {
  int32_t label = 0;  // 1-based, in order of the first voxel in C order
  int64_t num_vox = 0;
  Box box;
  XyzInt first_vox;  // first in C order: certainly inside
};

struct Components {
  Tensor labels_XYZ;  // int32, 0 = background
  std::vector<Component> list;
};

// Connected components of mask_XYZ != 0 (bool or any integer dtype, [X, Y, Z], CPU), one
// union-find pass; the labels do not depend on the number of threads.
Components LabelComponents(const Tensor& mask_XYZ, Connectivity connectivity);

}  // namespace sap
