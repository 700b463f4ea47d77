// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "sap/eval/detection.h"

namespace sap::eval::testing {

// Exam i has two lesions of 8 voxels; the method hits `hits[i]` of them and has `fps[i]` false
// positives of one voxel.
inline LesionSummary MethodSummary(const std::vector<int>& hits, const std::vector<int>& fps) {
  const auto load = [&](std::size_t i) {
    CaseInput input{.id = fmt::format("case_{}", i),
                    .reference_XYZ = at::zeros({20, 12, 12}, at::kByte),
                    .probability_XYZ = at::zeros({20, 12, 12})};
    for (int g = 0; g < 2; ++g) {
      input.reference_XYZ.slice(0, 8 * g, 8 * g + 2).slice(1, 0, 2).slice(2, 0, 2).fill_(1);
      if (g < hits[i]) {
        input.probability_XYZ.slice(0, 8 * g, 8 * g + 2).slice(1, 0, 2).slice(2, 0, 1).fill_(0.9);
      }
    }
    for (int k = 0; k < fps[i]; ++k) input.probability_XYZ[2 * k][10][10] = 0.6F;
    return input;
  };
  return EvaluateLesions(hits.size(), load, 0.5);
}

}  // namespace sap::eval::testing
