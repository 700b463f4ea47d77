// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/register_to_t1.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "preprocess/rigid_motions.h"
#include "preprocess/slice_images.h"
#include "sap/core/rng.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

double AngleBetweenDeg(const RigidMap& a, const RigidMap& b) {
  double trace = 0;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) trace += a.rotation[r][c] * b.rotation[r][c];
  }
  return std::acos(std::clamp(0.5 * (trace - 1), -1.0, 1.0)) * 180 / M_PI;
}

TEST(RegisterToT1, RecoversTwentyRandomMotionsWithoutAFailure) {
  const Volume t1 = testing::SamplePhantom(kWholeBody, testing::PhantomT1, {.noise_sd = 15});
  const Tensor mask_XYZ = testing::PhantomMaskXYZ(kWholeBody);
  std::vector<double> errors_mm;
  std::vector<double> errors_deg;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng({.seed = seed});
    const RigidMap truth =
        MakeMap(rng.Uniform(-5, 5),
                rng.Uniform(-3, 3),
                {rng.Uniform(-20, 20), rng.Uniform(-20, 20), rng.Uniform(-20, 20)});
    const T1Registration found = RegisterToT1(t1, mask_XYZ, MovedDwi(truth, seed + 1));
    EXPECT_GE(found.information_after, found.information_before);
    errors_mm.push_back(MeanErrorMm(found.dwi_from_t1, truth));
    errors_deg.push_back(AngleBetweenDeg(found.dwi_from_t1, truth));
  }
  std::sort(errors_mm.begin(), errors_mm.end());
  std::sort(errors_deg.begin(), errors_deg.end());
  std::printf("median %.3f mm %.3f deg, worst %.3f mm %.3f deg\n",
              errors_mm[10],
              errors_deg[10],
              errors_mm[19],
              errors_deg[19]);
  EXPECT_LE(errors_mm[10], 0.3);
  EXPECT_LE(errors_deg[10], 0.1);
  EXPECT_LE(errors_mm[19], 5.0);
}

TEST(RegisterToT1, KeepsIdentityWhenTheResultIsBeyondTheBounds) {
  const Volume t1 = testing::SamplePhantom(kWholeBody, testing::PhantomT1);
  const Tensor mask_XYZ = testing::PhantomMaskXYZ(kWholeBody);
  const Volume dwi = MovedDwi(MakeMap(0, 0, {15, 0, 0}), 1);
  const T1Registration found = RegisterToT1(t1, mask_XYZ, dwi, {.max_shift_mm = 5});
  EXPECT_EQ(found.dwi_from_t1.offset_mm, XyzDouble{});
  EXPECT_NE(found.notice, "");
}

TEST(MutualInformation, IsTheEntropyForAnImageWithItselfAndAboutZeroForNoise) {
  at::manual_seed(2);
  const Tensor levels_XYZ = at::randint(0, 8, {30, 30, 30}).to(at::kFloat);
  const Volume image(levels_XYZ, {.size_vox = {30, 30, 30}});
  const Tensor all = at::ones_like(levels_XYZ).to(at::kBool);
  EXPECT_NEAR(MutualInformation(image, all, image, {}, 8), std::log(8.0), 1e-3);
  const Volume other(at::randint(0, 8, {30, 30, 30}).to(at::kFloat), image.geometry());
  EXPECT_LT(MutualInformation(image, all, other, {}, 8), 5e-3);
}

// ITK's slices: proton density against T1, moved by 13 and 17 pixels.
TEST(RegisterToT1, FindsTheShiftBetweenTwoContrasts) {
  SAP_REQUIRE_SHARED(folder, "data/registration_itk");
  const Volume t1 = testing::ReadSlice(folder / "BrainT1SliceBorder20.png", 24);
  const Volume pd = testing::ReadSlice(folder / "BrainProtonDensitySliceShifted13x17y.png", 24);
  const Tensor mask_XYZ = at::ones_like(t1.data()).to(at::kBool);
  const T1Registration found =
      RegisterToT1(t1, mask_XYZ, pd, {.estimate_mm = 1, .samples = 150000});
  EXPECT_NEAR(found.shift_mm.x, 13, 0.3);
  EXPECT_NEAR(found.shift_mm.y, 17, 0.3);
  EXPECT_LT(found.angle_deg, 0.2);
}

TEST(RegisterToT1, FindsTheRotationOfARealSlice) {
  SAP_REQUIRE_SHARED(folder, "data/registration_itk");
  const Volume fixed = testing::ReadSlice(folder / "BrainProtonDensitySliceBorder20.png", 24);
  const Volume moving = testing::ReadSlice(folder / "BrainProtonDensitySliceRotated10.png", 24);
  const Tensor mask_XYZ = at::ones_like(fixed.data()).to(at::kBool);
  const T1Registration found =
      RegisterToT1(fixed,
                   mask_XYZ,
                   moving,
                   {.estimate_mm = 1, .samples = 150000, .max_shift_mm = 60, .max_angle_deg = 20});
  EXPECT_NEAR(found.angle_deg, 10, 0.2);
}

}  // namespace
}  // namespace sap::preprocess
