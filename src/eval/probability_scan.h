// SPDX-License-Identifier: Apache-2.0
// Single passes over a case's probability map. All of them throw as RequireValid does.
#pragma once

#include <cstdint>
#include <vector>

#include "sap/eval/detection.h"

namespace sap::eval {

// p >= threshold, bool [X, Y, Z]. The threshold is rounded to the map's float32, as in a tensor
// comparison.
Tensor AtLeast(const CaseInput& input, double threshold);

// Voxels of a map that reach a threshold, by falling level: level l = number of thresholds reached.
struct ActiveVoxels {
  std::vector<int64_t> voxel;             // index in C order; ascending inside a level
  std::vector<std::size_t> end_of_level;  // end_of_level[l]: voxels with level >= l + 1
};
// thresholds: ascending.
ActiveVoxels SortActive(const CaseInput& input, const std::vector<double>& thresholds);

}  // namespace sap::eval
