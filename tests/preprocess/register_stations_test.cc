// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/register_stations.h"

#include <cmath>

#include <gtest/gtest.h>

#include "preprocess/slice_images.h"
#include "support/shared_folder.h"
#include "support/station_phantom.h"

namespace sap::preprocess {
namespace {

double B1000(const XyzDouble& p) {
  return testing::PhantomDwi(p, 1000);
}

struct Pair {
  std::vector<Volume> images;
  std::vector<Tensor> masks_XYZ;
};

// The upper station shows at p what belongs at p + shift_mm: its position has to move by shift_mm.
Pair MakePair(int64_t overlap_vox, const XyzDouble& shift_mm, double noise_sd, uint64_t seed = 3) {
  Pair pair;
  const auto grids = testing::StationGrids(2, {120, 84, 30}, {3.5, 3.5, 6}, overlap_vox);
  for (std::size_t i = 0; i < 2; ++i) {
    const XyzDouble shift = i == 1 ? shift_mm : XyzDouble{};
    pair.images.push_back(testing::SamplePhantom(grids[i],
                                                 B1000,
                                                 {.shift_mm = shift,
                                                  .gain = 1.0 + 0.3 * static_cast<double>(i),
                                                  .noise_sd = noise_sd,
                                                  .seed = seed + i,
                                                  .points_per_axis = 2}));
    pair.masks_XYZ.push_back(testing::PhantomMaskXYZ(grids[i], shift));
  }
  return pair;
}

TEST(RegisterStations, RecoversAKnownShiftAtEachOverlap) {
  const XyzDouble truth = {4.3, -3.1, 5.0};
  for (const int64_t overlap_vox : {5, 10, 20}) {
    const Pair pair = MakePair(overlap_vox, truth, 6);
    const StationMotions found = RegisterStations(pair.images, pair.masks_XYZ);
    const XyzDouble& shift = found.shift_mm[1];
    std::printf("overlap %d: %.2f %.2f %.2f r %.4f -> %.4f\n",
                static_cast<int>(overlap_vox),
                shift.x,
                shift.y,
                shift.z,
                found.pairs[0].correlation_before,
                found.pairs[0].correlation_after);
    EXPECT_NEAR(shift.x, truth.x, 0.3) << overlap_vox;
    EXPECT_NEAR(shift.y, truth.y, 0.3) << overlap_vox;
    if (overlap_vox >= 10) {
      EXPECT_NEAR(shift.z, truth.z, 1.0) << overlap_vox;
    }
    EXPECT_EQ(found.shift_mm[0], XyzDouble{});
  }
}

TEST(RegisterStations, IsNeverWorseThanIdentityAndStaysInItsBounds) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Pair pair = MakePair(10, {12, 0, 0}, 40, seed * 10);
    const StationMotions found = RegisterStations(pair.images, pair.masks_XYZ, {.max_shift_mm = 8});
    EXPECT_GE(found.pairs[0].correlation_after, found.pairs[0].correlation_before);
    for (std::size_t a = 0; a < 3; ++a) EXPECT_LE(std::abs(found.shift_mm[1][a]), 8.0);
  }
}

TEST(RegisterStations, WithoutOverlapKeepsIdentityAndSaysSo) {
  const Pair pair = MakePair(0, {5, 5, 0}, 2);
  const StationMotions found = RegisterStations(pair.images, pair.masks_XYZ);
  EXPECT_EQ(found.shift_mm[1], XyzDouble{});
  EXPECT_EQ(found.notices.size(), 1U);
}

TEST(RegisterStations, ShiftsAddUpAwayFromTheCentre) {
  const auto grids = testing::StationGrids(3, {120, 84, 32}, {3.5, 3.5, 5}, 10);
  const std::vector<XyzDouble> truth = {{0, 0, 0}, {3, 2, 0}, {7, -1, 0}};
  Pair pair;
  for (std::size_t i = 0; i < 3; ++i) {
    pair.images.push_back(
        testing::SamplePhantom(grids[i], B1000, {.shift_mm = truth[i], .points_per_axis = 2}));
    pair.masks_XYZ.push_back(testing::PhantomMaskXYZ(grids[i], truth[i]));
  }
  const StationMotions found = RegisterStations(pair.images, pair.masks_XYZ);
  EXPECT_EQ(found.shift_mm[1], XyzDouble{});
  EXPECT_NEAR(found.shift_mm[0].x, -3, 0.3);
  EXPECT_NEAR(found.shift_mm[0].y, -2, 0.3);
  EXPECT_NEAR(found.shift_mm[2].x, 4, 0.3);
  EXPECT_NEAR(found.shift_mm[2].y, -3, 0.3);
}

// At whole voxels of the shift an interpolated image is sharp, half-way between it is smooth. In
// noise near the signal that draws points of the fixed grid 0.8 mm aside and 13 mm across slices.
TEST(RegisterStations, IsNotLuredToFractionsOfAVoxelByNoise) {
  const auto grids = testing::StationGrids(2, {90, 60, 34}, {4.5, 4.5, 6}, 8);
  for (const double x_mm : {2.0, 3.0, 4.5, 6.0, 7.0}) {
    const XyzDouble truth = {-x_mm, x_mm / 2, x_mm / 2};
    Pair pair;
    for (std::size_t i = 0; i < 2; ++i) {
      const XyzDouble shift = i == 1 ? truth : XyzDouble{};
      pair.images.push_back(testing::SamplePhantom(
          grids[i],
          B1000,
          {.shift_mm = shift, .noise_sd = 24, .seed = 5 + i, .points_per_axis = 2}));
      pair.masks_XYZ.push_back(testing::PhantomMaskXYZ(grids[i], shift));
    }
    const XyzDouble found = RegisterStations(pair.images, pair.masks_XYZ).shift_mm[1];
    EXPECT_NEAR(found.x, truth.x, 0.2) << x_mm;
    EXPECT_NEAR(found.y, truth.y, 0.7) << x_mm;
    EXPECT_NEAR(found.z, truth.z, 1.0) << x_mm;
  }
}

// ITK's own test slices: the second is the first, moved by 13 and 17 pixels.
TEST(RegisterStations, FindsTheShiftOfARealSlice) {
  SAP_REQUIRE_SHARED(folder, "data/registration_itk");
  const Volume fixed = testing::ReadSlice(folder / "BrainProtonDensitySliceShifted13x17y.png", 3);
  const Volume original = testing::ReadSlice(folder / "BrainProtonDensitySliceBorder20.png", 3);
  const Tensor mask_XYZ = at::ones_like(fixed.data()).to(at::kBool);
  const StationMotions found =
      RegisterStations({original, fixed}, {mask_XYZ, mask_XYZ}, {.max_shift_mm = 30});
  EXPECT_NEAR(found.shift_mm[1].x, -13, 0.3);
  EXPECT_NEAR(found.shift_mm[1].y, -17, 0.3);
}

}  // namespace
}  // namespace sap::preprocess
