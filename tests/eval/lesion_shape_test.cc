// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_shape.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace sap::eval {
namespace {

// Random voxels of a share; neighbours join to components of all shapes.
Tensor RandomMask(const XyzInt& size, double share, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::rand({size.x, size.y, size.z}, generator).lt(share);
}

std::vector<XyzInt> VoxelsOf(const Tensor& labels_XYZ, int32_t label) {
  std::vector<XyzInt> voxels;
  const Tensor at = labels_XYZ.eq(label).nonzero();
  const auto rows = at.accessor<int64_t, 2>();
  for (int64_t i = 0; i < at.size(0); ++i) voxels.push_back({rows[i][0], rows[i][1], rows[i][2]});
  return voxels;
}

// Every pair of voxels; the axial one only within a slice.
LesionShape NaiveShape(const std::vector<XyzInt>& voxels, const XyzDouble& spacing_mm, int axis) {
  LesionShape shape{0, 0};
  for (const XyzInt& a : voxels) {
    for (const XyzInt& b : voxels) {
      double squared_mm2 = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        squared_mm2 += std::pow(static_cast<double>(a[i] - b[i]) * spacing_mm[i], 2);
      }
      const double distance_mm = std::sqrt(squared_mm2);
      const auto slice = static_cast<std::size_t>(axis);
      shape.longest_mm = std::max(shape.longest_mm, distance_mm);
      if (a[slice] == b[slice]) shape.axial_mm = std::max(shape.axial_mm, distance_mm);
    }
  }
  return shape;
}

TEST(MeasureShape, ABoxHasTheDiagonalsOfItsVoxelCentres) {
  Tensor mask_XYZ = at::zeros({14, 8, 8}, at::kByte);
  mask_XYZ.slice(0, 2, 12).slice(1, 1, 5).slice(2, 3, 7).fill_(1);
  const Components found = LabelComponents(mask_XYZ, Connectivity::k6);
  const LesionShape cube = MeasureShape(found.labels_XYZ, found.list[0], {1, 1, 1}, 2);
  EXPECT_DOUBLE_EQ(cube.longest_mm, std::sqrt(81.0 + 9.0 + 9.0));
  EXPECT_DOUBLE_EQ(cube.axial_mm, std::sqrt(81.0 + 9.0));
  const LesionShape flat = MeasureShape(found.labels_XYZ, found.list[0], {1, 2, 5}, 0);
  EXPECT_DOUBLE_EQ(flat.longest_mm, std::sqrt(81.0 + 36.0 + 225.0));
  EXPECT_DOUBLE_EQ(flat.axial_mm, std::sqrt(36.0 + 225.0));
}

TEST(MeasureShape, OneVoxelHasNoLength) {
  Tensor mask_XYZ = at::zeros({3, 3, 3}, at::kByte);
  mask_XYZ[1][2][0] = 1;
  const Components found = LabelComponents(mask_XYZ, Connectivity::k6);
  const LesionShape shape = MeasureShape(found.labels_XYZ, found.list[0], {3, 3, 3}, 2);
  EXPECT_EQ(shape.longest_mm, 0.0);
  EXPECT_EQ(shape.axial_mm, 0.0);
}

TEST(MeasureShape, ABallHasItsDiameterAndNeverMore) {
  const XyzDouble spacing_mm{1.2, 1.2, 2.0};
  constexpr double kRadiusMm = 12.0;  // ten voxels in x
  for (const double shift_vox : {0.0, 0.37}) {
    Tensor mask_XYZ = at::zeros({25, 25, 17}, at::kByte);
    for (int64_t x = 0; x < 25; ++x) {
      for (int64_t y = 0; y < 25; ++y) {
        for (int64_t z = 0; z < 17; ++z) {
          const double distance_mm = std::hypot((static_cast<double>(x - 12) - shift_vox) * 1.2,
                                                (static_cast<double>(y - 12) + shift_vox) * 1.2,
                                                (static_cast<double>(z - 8) - shift_vox) * 2.0);
          if (distance_mm <= kRadiusMm + 1e-9) mask_XYZ[x][y][z] = 1;
        }
      }
    }
    const Components found = LabelComponents(mask_XYZ, Connectivity::k6);
    const LesionShape shape = MeasureShape(found.labels_XYZ, found.list[0], spacing_mm, 2);
    const double short_by_mm = shift_vox == 0.0 ? 1e-9 : 1.0;
    EXPECT_LE(shape.longest_mm, 2 * kRadiusMm + 1e-9);
    EXPECT_GE(shape.longest_mm, 2 * kRadiusMm - short_by_mm);
  }
}

TEST(MeasureShape, EqualsTheLoopOverAllPairsOfVoxels) {
  const XyzDouble spacing_mm{0.8, 1.7, 3.1};
  int64_t compared = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Components found =
        LabelComponents(RandomMask({13, 11, 9}, 0.12 + 0.06 * seed, seed), Connectivity::k18);
    for (const Component& component : found.list) {
      const auto voxels = VoxelsOf(found.labels_XYZ, component.label);
      for (int axis = 0; axis < 3; ++axis) {
        const LesionShape shape = MeasureShape(found.labels_XYZ, component, spacing_mm, axis);
        const LesionShape naive = NaiveShape(voxels, spacing_mm, axis);
        ASSERT_NEAR(shape.longest_mm, naive.longest_mm, 1e-9) << seed << " " << component.label;
        ASSERT_NEAR(shape.axial_mm, naive.axial_mm, 1e-9) << seed << " " << component.label;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 100);
}

TEST(MeansInside, EqualTheLoopOverTheVoxelsOfEachComponent) {
  const Components found = LabelComponents(RandomMask({9, 8, 7}, 0.2, 5), Connectivity::k6);
  at::Generator generator = at::detail::createCPUGenerator(6);
  const Tensor map_XYZ = at::rand({9, 8, 7}, generator) * 2000.0 - 400.0;
  std::vector<Component> some(found.list.rbegin(), found.list.rend());
  some.erase(some.begin() + 2);  // a label that no component of the list has
  const std::vector<double> means = MeanPositiveInside(found.labels_XYZ, some, map_XYZ);
  const std::vector<double> largest = LargestInside(found.labels_XYZ, some, map_XYZ);
  int64_t num_left_out = 0;
  for (std::size_t c = 0; c < some.size(); ++c) {
    double sum = 0;
    int64_t n = 0;
    double most = -1e9;
    for (const XyzInt& v : VoxelsOf(found.labels_XYZ, some[c].label)) {
      const double value = map_XYZ[v.x][v.y][v.z].item<float>();
      most = std::max(most, value);
      if (value > 0) sum += value;
      if (value > 0) ++n;
      if (value <= 0) ++num_left_out;
    }
    if (n == 0) {
      EXPECT_TRUE(std::isnan(means[c]));
    } else {
      EXPECT_NEAR(means[c], sum / static_cast<double>(n), 1e-9);
    }
    EXPECT_EQ(largest[c], most);
  }
  EXPECT_GT(num_left_out, 10);
}

TEST(MeansInside, ALesionWithoutAnyValueHasNoMean) {
  const Tensor labels_XYZ = at::ones({2, 2, 2}, at::kInt);
  const Component whole{.label = 1, .num_vox = 8};
  EXPECT_TRUE(std::isnan(MeanPositiveInside(labels_XYZ, {whole}, at::zeros({2, 2, 2}))[0]));
}

}  // namespace
}  // namespace sap::eval
