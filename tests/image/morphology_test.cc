// SPDX-License-Identifier: Apache-2.0
#include "sap/image/morphology.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "image/grids.h"
#include "sap/core/error.h"
#include "sap/image/distance.h"
#include "support/tensor_near.h"

namespace sap {
namespace {

using testing::RandomMask;

// Distances from every voxel centre to every foreground voxel centre: the definition. float64.
Tensor BruteForceDistances(const Tensor& mask_XYZ, const XyzDouble& spacing_mm) {
  const Tensor spacing = at::tensor({spacing_mm.x, spacing_mm.y, spacing_mm.z}, at::kDouble);
  const Tensor all = at::ones_like(mask_XYZ).nonzero().to(at::kDouble) * spacing;
  const Tensor foreground = mask_XYZ.nonzero().to(at::kDouble) * spacing;
  const Tensor step = all.unsqueeze(1) - foreground.unsqueeze(0);
  return std::get<0>(step.square().sum(2).min(1)).sqrt().view(mask_XYZ.sizes());
}

// The grid with two layers of background around it stands for the outside.
Tensor BruteForceErosion(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm) {
  const Tensor background_XYZ = at::constant_pad_nd(mask_XYZ.logical_not(), {2, 2, 2, 2, 2, 2}, 1);
  const Tensor distance_XYZ = BruteForceDistances(background_XYZ, spacing_mm);
  return distance_XYZ.gt(radius_mm * (1 + 1e-9)).slice(0, 2, -2).slice(1, 2, -2).slice(2, 2, -2);
}

const XyzDouble kSpacingMm{0.7, 2.5, 1.3};

TEST(DistanceToMask, EqualsBruteForceOnAnisotropicVoxels) {
  int64_t seed = 10;
  for (const double density : {0.005, 0.03, 0.3}) {
    for (const XyzInt size : {XyzInt{9, 7, 19}, XyzInt{1, 1, 30}, XyzInt{20, 1, 1}}) {
      Tensor mask_XYZ = RandomMask(size, density, seed++);
      mask_XYZ[0][0][size.z / 2] = true;
      EXPECT_TRUE(testing::TensorNear(
          DistanceToMask(mask_XYZ, kSpacingMm), BruteForceDistances(mask_XYZ, kSpacingMm), 1e-5));
    }
  }
}

TEST(DistanceToMask, IsInfiniteWithoutForeground) {
  const Tensor distance_XYZ = DistanceToMask(at::zeros({3, 4, 5}, at::kByte), kSpacingMm);
  EXPECT_EQ(distance_XYZ.scalar_type(), at::kFloat);
  EXPECT_TRUE(distance_XYZ.isinf().all().item<bool>());
}

TEST(Dilate, EqualsBruteForceAtExactRadiiToo) {
  const Tensor mask_XYZ = RandomMask({13, 8, 11}, 0.01, 20);
  const Tensor distance_XYZ = BruteForceDistances(mask_XYZ, kSpacingMm);
  for (const double radius_mm : {0.0, 0.7, 1.3, 2.1, 2.5, 3.9, 100.0}) {
    EXPECT_TRUE(
        at::equal(Dilate(mask_XYZ, kSpacingMm, radius_mm), distance_XYZ.le(radius_mm * (1 + 1e-9))))
        << radius_mm;
  }
}

TEST(Erode, EqualsBruteForceWithBackgroundOutside) {
  for (const double density : {0.9, 0.99, 1.0}) {
    const Tensor mask_XYZ = RandomMask({8, 5, 7}, density, 21);
    for (const double radius_mm : {0.0, 0.7, 1.3, 2.1, 2.5, 3.9}) {
      EXPECT_TRUE(at::equal(Erode(mask_XYZ, kSpacingMm, radius_mm),
                            BruteForceErosion(mask_XYZ, kSpacingMm, radius_mm)))
          << radius_mm;
    }
  }
}

TEST(Morphology, OfAnEmptyMaskIsEmpty) {
  const Tensor empty_XYZ = at::zeros({4, 4, 4}, at::kByte);
  EXPECT_FALSE(Dilate(empty_XYZ, kSpacingMm, 3).any().item<bool>());
  EXPECT_FALSE(Erode(empty_XYZ, kSpacingMm, 3).any().item<bool>());
  EXPECT_THROW(Dilate(empty_XYZ, kSpacingMm, -1), Error);
}

TEST(FillHoles, FillsWhatTheBorderCannotReach) {
  Tensor shell_XYZ = at::zeros({7, 7, 7}, at::kBool);
  shell_XYZ.slice(0, 1, 6).slice(1, 1, 6).slice(2, 1, 6).fill_(true);
  const Tensor solid_XYZ = shell_XYZ.clone();
  shell_XYZ.slice(0, 2, 5).slice(1, 2, 5).slice(2, 2, 5).fill_(false);
  EXPECT_TRUE(at::equal(FillHoles(shell_XYZ), solid_XYZ));
  shell_XYZ[1][3][3] = false;  // a door: the inside is outside
  EXPECT_TRUE(at::equal(FillHoles(shell_XYZ), shell_XYZ));
}

TEST(FillHoles, EqualsGrowingTheOutsideFromTheBorder) {
  const Tensor mask_XYZ = RandomMask({9, 10, 11}, 0.6, 22);
  const Tensor free_XYZ = mask_XYZ.logical_not();
  Tensor outside_XYZ = free_XYZ.clone();
  outside_XYZ.slice(0, 1, -1).slice(1, 1, -1).slice(2, 1, -1).fill_(false);
  for (int step = 0; step < 1000; ++step) {
    outside_XYZ = Dilate(outside_XYZ, {1, 1, 1}, 1.0).logical_and(free_XYZ);
  }
  EXPECT_TRUE(at::equal(FillHoles(mask_XYZ), outside_XYZ.logical_not()));
}

}  // namespace
}  // namespace sap
