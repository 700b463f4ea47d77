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

// Voxels begin_z <= z < end_z of one row (x, y) that belong to one component.
struct RowRun {
  int32_t begin_z = 0;
  int32_t end_z = 0;
  int32_t label = 0;
};

// All runs in C order; row r = x * Y + y owns runs [first_of_row[r], first_of_row[r + 1]).
struct RunTable {
  std::vector<RowRun> runs;
  std::vector<int64_t> first_of_row;
};

struct Components {
  Tensor labels_XYZ;  // int32, 0 = background; takes memory only near components when they are few
  std::vector<Component> list;
  RunTable table;  // the same in a form whose size is that of the foreground
};

// Connected components of mask_XYZ != 0 (bool or any integer dtype, [X, Y, Z], CPU), one
// union-find pass; the labels do not depend on the number of threads.
Components LabelComponents(const Tensor& mask_XYZ, Connectivity connectivity);

// Each value above 0 of a label map as one component, in one piece or not, numbered by its first
// voxel in C order. labels_XYZ: any integer dtype, [X, Y, Z], CPU.
Components LabelInstances(const Tensor& labels_XYZ);

// Voxels of each component that the same foreground has under another connectivity.
std::vector<int64_t> ComponentSizes(const Components& components, Connectivity connectivity);

}  // namespace sap
