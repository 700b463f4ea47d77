// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/tensor.h"

namespace sap::eval {

// Voxels of a reference mask G and a predicted mask P on one grid.
struct OverlapCounts {
  int64_t both = 0;            // true positive voxels
  int64_t only_reference = 0;  // false negative voxels
  int64_t only_predicted = 0;  // false positive voxels
  int64_t neither = 0;

  int64_t Reference() const { return both + only_reference; }
  int64_t Predicted() const { return both + only_predicted; }
  // 2|G n P| / (|G| + |P|); NaN when both are empty (evaluation §1.2).
  double Dice() const;
  double Iou() const;  // NaN when both are empty
};

// Masks are any integer or bool tensors of one shape on the CPU; foreground is != 0.
OverlapCounts CountOverlap(const Tensor& reference, const Tensor& predicted);
double Dice(const Tensor& reference, const Tensor& predicted);

// One count per class 0 .. num_classes - 1 of two label maps. SAP_CHECK: labels in range.
std::vector<OverlapCounts> CountOverlapPerClass(const Tensor& reference_labels,
                                                const Tensor& predicted_labels,
                                                int num_classes);

}  // namespace sap::eval
