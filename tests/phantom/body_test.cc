// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/body.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "phantom/deform.h"
#include "phantom/tissue.h"
#include "phantom_fixture.h"
#include "sap/core/parallel.h"
#include "support/shared_folder.h"

namespace sap::phantom {
namespace {

TEST(LoadAtlas, SeparatesMarrowFromCortexInEveryRegion) {
  const Tensor classes = TestAtlas().classes.data();
  for (int region = 1; region <= kNumRegions; ++region) {
    EXPECT_GT((classes == region).sum().item<int64_t>(), 100) << region;
    EXPECT_GT((classes == kCortex + region).sum().item<int64_t>(), 100) << region;
  }
  EXPECT_EQ(TestAtlas().bones.size(), 38U);
}

TEST(MakeBody, HoldsAllNineRegionsAtEverySpacingInUse) {
  for (const double spacing_mm : {2.5, 4.0, 5.0}) {
    const Tensor regions = SampleBody(1, spacing_mm).RegionsXYZ();
    for (int region = 1; region <= kNumRegions; ++region) {
      EXPECT_GT((regions == region).sum().item<int64_t>(), 20) << region << " at " << spacing_mm;
    }
  }
}

TEST(MakeBody, KeepsTheGridOfTheAtlasAxesAndTheAskedSpacing) {
  const Geometry grid = SampleBody(3).tissue.geometry();
  EXPECT_EQ(grid.OrientationCode(), "LPS");
  EXPECT_EQ(grid.spacing_mm, (XyzDouble{5, 5, 5}));
  const double length_mm = static_cast<double>(grid.size_vox.z) * 5;
  EXPECT_GT(length_mm, 850);  // head to mid-thigh
  EXPECT_LT(length_mm, 1300);
}

TEST(MakeBody, DoesNotDependOnThreads) {
  SetNumThreads(1);
  const Body one = SampleBody(2);
  SetNumThreads(2);
  const Body two = SampleBody(2);
  EXPECT_TRUE(one.tissue.data().equal(two.tissue.data()));
  EXPECT_TRUE(one.t1.data().equal(two.t1.data()));
}

TEST(MakeBody, GivesDifferentSubjectsDifferentBodies) {
  const Body one = SampleBody(1), two = SampleBody(2);
  const bool same_grid = one.tissue.SameGridAs(two.tissue);
  EXPECT_FALSE(same_grid && one.tissue.data().equal(two.tissue.data()));
}

TEST(MakeBody, WithoutVariationIsTheAtlasItself) {
  const ShapeOptions none{.height_frac = 0,
                          .girth_frac = 0,
                          .spine_mm = 0,
                          .bone_size_frac = 0,
                          .arm_deg = 0,
                          .fat_mm = 0,
                          .wobble_mm = 0,
                          .tilt_deg = 0};
  const SubjectShape shape = DrawShape(TestAtlas(), none, 1, 1);
  const Deformation map(TestAtlas(), shape);
  for (const AtlasBone& bone : TestAtlas().bones) {
    const XyzDouble q = map.AtlasFromSubject(bone.centre_mm).mm;
    // The pose of the arms blends within the gap only; bone centres stay.
    EXPECT_NEAR(q.x, bone.centre_mm.x, 1e-6) << bone.label;
    EXPECT_NEAR(q.y, bone.centre_mm.y, 1e-6) << bone.label;
    EXPECT_NEAR(q.z, bone.centre_mm.z, 1e-6) << bone.label;
  }
}

TEST(Deformation, InverseBringsBoneCentresBack) {
  const SubjectShape shape = DrawShape(TestAtlas(), ShapeOptions{}, 5, 11);
  const Deformation map(TestAtlas(), shape);
  for (const AtlasBone& bone : TestAtlas().bones) {
    const XyzDouble back = map.AtlasFromSubject(map.SubjectFromAtlas(bone.centre_mm)).mm;
    EXPECT_NEAR(back.x, bone.centre_mm.x, 0.5) << bone.label;
    EXPECT_NEAR(back.z, bone.centre_mm.z, 0.5) << bone.label;
  }
}

TEST(MakeBody, FatterSubjectsHaveMoreBodyAndTheSameSkeleton) {
  SubjectShape shape = DrawShape(TestAtlas(), ShapeOptions{}, 7, 1);
  shape.fat_mm = 0;
  const Body thin = MakeBody(TestAtlas(), shape, {5, 5, 5});
  shape.fat_mm = 20;
  const Body fat = MakeBody(TestAtlas(), shape, {5, 5, 5});
  const auto count = [](const Tensor& mask) { return (mask != 0).sum().item<double>(); };
  EXPECT_GT(count(fat.MaskXYZ()), 1.15 * count(thin.MaskXYZ()));
  EXPECT_NEAR(count(fat.RegionsXYZ()), count(thin.RegionsXYZ()), 0.02 * count(thin.RegionsXYZ()));
}

TEST(MakeBody, ShowsBrightOrgansOnB1000AndBrightFatOnT1) {
  const Body body = SampleBody(1);
  const auto mean = [&](const Volume& image, int tissue) {
    return image.data().index({body.tissue.data() == tissue}).mean().item<double>();
  };
  for (const int bright : {kSpleen, kKidney, kGreyMatter}) {
    EXPECT_GT(mean(body.b1000, bright), 3 * mean(body.b1000, kMuscle)) << bright;
  }
  EXPECT_GT(mean(body.t1, kFat), 2 * mean(body.t1, kMuscle));
  EXPECT_GT(mean(body.t1, 5), mean(body.t1, 2));  // fatty femur, red thoracic marrow
}

}  // namespace
}  // namespace sap::phantom
