// SPDX-License-Identifier: Apache-2.0
#include "sap/image/geometry.h"

#include <set>

#include <gtest/gtest.h>

#include "image/grids.h"
#include "sap/core/error.h"
#include "sap/image/orient.h"

namespace sap {
namespace {

using testing::AllOrientations;
using testing::ObliqueGrid;
using testing::RampVolume;

double Distance(const XyzDouble& a, const XyzDouble& b) {
  return std::hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

TEST(Geometry, VoxFromLpsUndoesLpsFromVox) {
  const Geometry grid = ObliqueGrid({5, 6, 7});
  const XyzDouble index_vox{1.25, -3.0, 6.5};
  EXPECT_LT(Distance(grid.VoxFromLps(grid.LpsFromVox(index_vox)), index_vox), 1e-12);
}

TEST(Geometry, DifferenceNamesWhatDiffersFirst) {
  const Geometry grid = ObliqueGrid({5, 6, 7});
  EXPECT_EQ(grid.DifferenceFrom(grid), "");
  Geometry other = grid;
  other.size_vox.x = 4;
  EXPECT_EQ(grid.DifferenceFrom(other), "size 5x6x7 against 4x6x7 voxels");
  other = grid;
  other.spacing_mm = {2.5, 2.5, 2.5};
  EXPECT_EQ(grid.DifferenceFrom(other), "spacing 1.25x2x4.5 mm against 2.5x2.5x2.5 mm");
  other = grid;
  other.origin_mm.z += 1.0;
  EXPECT_EQ(grid.DifferenceFrom(other), "origin (-31, 12.5, 80) mm against (-31, 12.5, 81) mm");
  EXPECT_FALSE(grid.SameGridAs(other));
  other = grid;
  other.origin_mm.z += 5e-4;
  EXPECT_TRUE(grid.SameGridAs(other));
}

TEST(Geometry, CroppedKeepsPlaces) {
  const Geometry grid = ObliqueGrid({5, 6, 7});
  const Geometry crop = grid.Cropped({{1, 2, 3}, {4, 6, 7}});
  EXPECT_EQ(crop.size_vox, (XyzInt{3, 4, 4}));
  EXPECT_LT(Distance(crop.LpsFromVox({1, 1, 1}), grid.LpsFromVox({2, 3, 4})), 1e-12);
}

TEST(Geometry, OrientationCodesOfThe48GridsDiffer) {
  EXPECT_EQ(Geometry{}.OrientationCode(), "LPS");
  std::set<std::string> codes;
  for (const Geometry& grid : AllOrientations(ObliqueGrid({2, 3, 4}))) {
    codes.insert(grid.OrientationCode());
  }
  EXPECT_EQ(codes.size(), 48U);
}

TEST(Reorient, EveryVoxelKeepsItsPlaceInThePatient) {
  for (const Geometry& grid : AllOrientations(ObliqueGrid({3, 18, 5}))) {
    const Volume volume = RampVolume(grid);
    const Volume lps = Reorient(volume);
    EXPECT_EQ(lps.geometry().OrientationCode(), "LPS");
    const XyzInt n = lps.geometry().size_vox;
    for (int64_t i = 0; i < n.Product(); i += 7) {
      const XyzInt at{i / (n.y * n.z), i / n.z % n.y, i % n.z};
      const auto value = static_cast<int64_t>(lps.data()[at.x][at.y][at.z].item<float>());
      const XyzDouble lps_mm = lps.geometry().LpsFromVox(
          {static_cast<double>(at.x), static_cast<double>(at.y), static_cast<double>(at.z)});
      const XyzDouble source_vox{static_cast<double>(value / (18 * 5)),
                                 static_cast<double>(value / 5 % 18),
                                 static_cast<double>(value % 5)};
      ASSERT_LT(Distance(lps_mm, grid.LpsFromVox(source_vox)), 1e-9);
    }
  }
}

TEST(ReorientLike, BringsBackExactlyTheInput) {
  for (const Geometry& grid : AllOrientations(ObliqueGrid({3, 18, 5}))) {
    const Volume volume = RampVolume(grid);
    const Volume back = ReorientLike(Reorient(volume), grid);
    EXPECT_TRUE(at::equal(back.data(), volume.data()));
    EXPECT_EQ(back.geometry().origin_mm, grid.origin_mm);
    EXPECT_EQ(back.geometry().direction, grid.direction);
  }
}

TEST(Reorient, RefusesACodeThatIsNotOne) {
  const Volume volume = RampVolume(ObliqueGrid({2, 2, 2}));
  for (const char* code : {"", "LP", "LPX", "LRS", "lps", "LPSS"}) {
    EXPECT_THROW(Reorient(volume, code), Error) << code;
  }
}

TEST(ReorientLike, RefusesAnotherGrid) {
  Geometry other = ObliqueGrid({2, 3, 4});
  other.origin_mm.x += 1.0;
  EXPECT_THROW(ReorientLike(RampVolume(ObliqueGrid({2, 3, 4})), other), Error);
}

}  // namespace
}  // namespace sap
