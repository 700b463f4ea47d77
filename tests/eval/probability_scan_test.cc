// SPDX-License-Identifier: Apache-2.0
#include "eval/probability_scan.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::eval {
namespace {

// Whole hundredths, so that voxels tie with thresholds. `size_z` is chosen by the caller: parts,
// blocks and what is left of them.
CaseInput Hundredths(int64_t size_z) {
  Rng rng({.seed = 3});
  CaseInput input{.id = "hundredths",
                  .reference_XYZ = at::zeros({7, 5, size_z}, at::kByte),
                  .probability_XYZ = at::empty({7, 5, size_z})};
  float* p = input.probability_XYZ.data_ptr<float>();
  for (int64_t i = 0; i < input.probability_XYZ.numel(); ++i) {
    p[i] = static_cast<float>(rng.UniformInt(0, 101)) / 100.0F;
  }
  return input;
}

TEST(AtLeast, EqualsATensorComparison) {
  for (const int64_t size_z : {1, 30, 1024, 9001, 20011}) {
    const CaseInput input = Hundredths(size_z);
    for (const double threshold : {0.01, 0.3, 0.58, 1.0}) {
      EXPECT_TRUE(at::equal(AtLeast(input, threshold), input.probability_XYZ.ge(threshold)))
          << size_z << " " << threshold;
    }
  }
}

TEST(AtLeast, RefusesOneBadValueAnywhere) {
  for (const int64_t size_z : {3, 1024, 9001}) {
    for (const float bad : {NAN, 1.0001F, -1e-6F, INFINITY}) {
      for (const int64_t at : {int64_t{0}, 17 * size_z + 2, 35 * size_z - 1}) {
        CaseInput input = Hundredths(size_z);
        input.probability_XYZ.data_ptr<float>()[at] = bad;
        EXPECT_THROW(AtLeast(input, 0.5), Error) << size_z << " " << bad << " " << at;
        EXPECT_THROW(SortActive(input, {0.5}), Error) << size_z << " " << bad << " " << at;
      }
    }
  }
}

TEST(SortActive, ListsVoxelsByLevelAndInOrderInside) {
  const CaseInput input = Hundredths(9001);
  const std::vector<double> thresholds = {0.2, 0.58, 0.9};
  const ActiveVoxels active = SortActive(input, thresholds);
  std::vector<int64_t> expected;
  for (std::size_t level = 3; level >= 1; --level) {
    Tensor in_level = input.probability_XYZ.ge(thresholds[level - 1]);
    if (level < 3) in_level = in_level.logical_and(input.probability_XYZ.lt(thresholds[level]));
    const Tensor indices = in_level.flatten().nonzero().flatten();
    const auto* index = indices.data_ptr<int64_t>();
    expected.insert(expected.end(), index, index + indices.numel());
    EXPECT_EQ(active.end_of_level[level - 1], expected.size());
  }
  EXPECT_EQ(active.voxel, expected);
}

}  // namespace
}  // namespace sap::eval
