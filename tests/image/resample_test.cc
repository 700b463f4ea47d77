// SPDX-License-Identifier: Apache-2.0
#include "sap/image/resample.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "image/grids.h"
#include "support/tensor_near.h"

namespace sap {
namespace {

using testing::ObliqueGrid;

double PlaneAt(const XyzDouble& lps_mm) {
  return 3.0 + 0.5 * lps_mm.x - 0.25 * lps_mm.y + 0.125 * lps_mm.z;
}

// visit(x, y, z, lps_mm) for every voxel.
template <typename Visit>
void ForEachVoxel(const Geometry& grid, const Visit& visit) {
  for (int64_t x = 0; x < grid.size_vox.x; ++x) {
    for (int64_t y = 0; y < grid.size_vox.y; ++y) {
      for (int64_t z = 0; z < grid.size_vox.z; ++z) {
        visit(x,
              y,
              z,
              grid.LpsFromVox(
                  {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)}));
      }
    }
  }
}

Volume PlaneVolume(const Geometry& grid) {
  Tensor data_XYZ = at::empty({grid.size_vox.x, grid.size_vox.y, grid.size_vox.z}, at::kFloat);
  auto data = data_XYZ.accessor<float, 3>();
  ForEachVoxel(grid, [&](int64_t x, int64_t y, int64_t z, const XyzDouble& lps_mm) {
    data[x][y][z] = static_cast<float>(PlaneAt(lps_mm));
  });
  return {data_XYZ, grid};
}

TEST(Resample, LinearKeepsAPlaneInThePatientAndMarksTheOutside) {
  const Geometry source = ObliqueGrid({20, 22, 12});
  const Volume volume = PlaneVolume(source);
  Geometry grid;
  grid.size_vox = {15, 16, 17};
  grid.spacing_mm = {2.2, 1.7, 1.9};
  grid.origin_mm = source.LpsFromVox({-2, 3, 1});
  const Volume result = Resample(volume, grid, Interpolation::kLinear, -99.0);
  const auto values = result.data().accessor<float, 3>();
  int num_inside = 0;
  int num_outside = 0;
  ForEachVoxel(grid, [&](int64_t x, int64_t y, int64_t z, const XyzDouble& lps_mm) {
    const XyzDouble v = source.VoxFromLps(lps_mm);
    bool between_centres = true;
    bool outside = false;
    for (std::size_t a = 0; a < 3; ++a) {
      const double last = static_cast<double>(source.size_vox[a] - 1);
      between_centres &= v[a] >= 0 && v[a] <= last;
      outside |= v[a] < -0.501 || v[a] > last + 0.501;
    }
    if (between_centres) {
      EXPECT_NEAR(values[x][y][z], PlaneAt(lps_mm), 1e-4);
    }
    if (outside) {
      EXPECT_EQ(values[x][y][z], -99.0F);
    }
    num_inside += between_centres ? 1 : 0;
    num_outside += outside ? 1 : 0;
  });
  EXPECT_GT(num_inside, 100);
  EXPECT_GT(num_outside, 100);
}

TEST(Resample, NearestTakesTheNearestVoxelAndKeepsTheType) {
  const Geometry source = ObliqueGrid({9, 8, 7});
  const Tensor labels_XYZ = at::arange(9 * 8 * 7).view({9, 8, 7}).to(at::kShort);
  Geometry grid = ObliqueGrid({14, 13, 12});
  grid.spacing_mm = {0.9, 1.3, 2.1};
  const Volume result = Resample({labels_XYZ, source}, grid, Interpolation::kNearest, 7);
  EXPECT_EQ(result.data().scalar_type(), at::kShort);
  const auto values = result.data().accessor<int16_t, 3>();
  ForEachVoxel(grid, [&](int64_t x, int64_t y, int64_t z, const XyzDouble& lps_mm) {
    const XyzDouble v = source.VoxFromLps(lps_mm);
    const auto i = static_cast<int64_t>(std::floor(v.x + 0.5 + 1e-6));
    const auto j = static_cast<int64_t>(std::floor(v.y + 0.5 + 1e-6));
    const auto k = static_cast<int64_t>(std::floor(v.z + 0.5 + 1e-6));
    // 1.3 mm against 2 mm: every tenth voxel lies half-way.
    const bool inside = i >= 0 && j >= 0 && k >= 0 && i < 9 && j < 8 && k < 7;
    EXPECT_EQ(values[x][y][z], inside ? (i * 8 + j) * 7 + k : 7);
  });
}

TEST(Resample, OntoTheSameGridChangesNothing) {
  const Volume volume = testing::RampVolume(ObliqueGrid({5, 6, 7}));
  for (const Interpolation how : {Interpolation::kNearest, Interpolation::kLinear}) {
    EXPECT_TRUE(
        testing::TensorNear(Resample(volume, volume.geometry(), how).data(), volume.data(), 1e-4));
  }
}

TEST(GridWithSpacing, KeepsTheOuterFaces) {
  const Geometry grid = ObliqueGrid({16, 10, 4});
  const Geometry fine = GridWithSpacing(grid, {2.5, 1.0, 1.5});
  EXPECT_EQ(fine.size_vox, (XyzInt{8, 20, 12}));
  for (const bool far : {false, true}) {
    const auto face = [&](const Geometry& g) {
      const auto& n = g.size_vox;
      return far ? g.LpsFromVox({static_cast<double>(n.x) - 0.5,
                                 static_cast<double>(n.y) - 0.5,
                                 static_cast<double>(n.z) - 0.5})
                 : g.LpsFromVox({-0.5, -0.5, -0.5});
    };
    for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(face(fine)[a], face(grid)[a], 1e-9);
  }
}

}  // namespace
}  // namespace sap
