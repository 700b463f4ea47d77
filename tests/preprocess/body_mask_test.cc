// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/body_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/station_phantom.h"

namespace sap::preprocess {
namespace {

using testing::PhantomDwi;
using testing::PhantomT1;
using testing::SamplePhantom;
using testing::StationGrids;

double Dice(const Tensor& a, const Tensor& b) {
  return 2 * a.logical_and(b).sum().item<double>() /
         (a.sum().item<double>() + b.sum().item<double>());
}

TEST(OtsuThreshold, SplitsTwoClustersAtTheBestVarianceOfANaiveSearch) {
  at::manual_seed(3);
  const Tensor values = at::cat({at::rand({3000}) * 2, at::rand({1000}) * 3 + 6});
  // The plain definition: for every cut, weights and means by counting.
  double best = -1;
  double low = 0;
  double high = 0;
  for (double cut = 0.1; cut < 9; cut += 0.01) {
    const Tensor below = values.masked_select(values < cut);
    const Tensor above = values.masked_select(values >= cut);
    if (below.numel() == 0 || above.numel() == 0) continue;
    const double gap = (above.mean() - below.mean()).item<double>();
    const double between = gap * gap * static_cast<double>(below.numel() * above.numel());
    if (between > best * (1 + 1e-9)) {
      best = between;
      low = cut;
    }
    if (between > best * (1 - 1e-9)) high = cut;
  }
  const double found = OtsuThreshold(values);
  EXPECT_GE(found, low - 0.05);
  EXPECT_LE(found, high + 0.05);
}

TEST(BodyMask, FindsBodyWithLungInT1AndDiffusion) {
  for (const Geometry& grid : StationGrids(2, {110, 80, 50}, {4, 4, 6}, 10)) {
    const Tensor truth_XYZ = testing::PhantomMaskXYZ(grid);
    const Volume t1 = SamplePhantom(grid, PhantomT1, {.noise_sd = 15});
    EXPECT_GE(Dice(BodyMask(t1, {.margin_mm = 0}, 50), truth_XYZ), 0.97);
    const Volume b50 =
        SamplePhantom(grid, [](const XyzDouble& p) { return PhantomDwi(p, 50); }, {.noise_sd = 8});
    EXPECT_GE(Dice(BodyMask(b50, {.margin_mm = 0}, 10), truth_XYZ), 0.97);
  }
}

TEST(BodyMask, LeavesAirBesideABodyThatSpansTheFieldOfView) {
  // A slab of tissue from side to side: air in front and behind, neither connected to the other.
  const Tensor image_XYZ = at::zeros({60, 60, 20});
  image_XYZ.narrow(1, 20, 20).fill_(500);
  image_XYZ.narrow(0, 25, 6).narrow(1, 27, 6).fill_(0);  // a void inside
  const Volume image(image_XYZ, {.size_vox = {60, 60, 20}, .spacing_mm = {3, 3, 5}});
  const Tensor mask_XYZ = BodyMask(image, {.closing_mm = 0, .margin_mm = 0}, 50);
  EXPECT_TRUE(mask_XYZ.narrow(1, 20, 20).all().item<bool>());
  EXPECT_FALSE(mask_XYZ.narrow(1, 0, 20).any().item<bool>());
  EXPECT_FALSE(mask_XYZ.narrow(1, 40, 20).any().item<bool>());
}

TEST(BodyMask, MarginIsMillimetresOnEveryAxis) {
  const Tensor image_XYZ = at::zeros({41, 41, 21});
  image_XYZ.narrow(0, 15, 11).narrow(1, 15, 11).narrow(2, 8, 5).fill_(100);
  const Volume image(image_XYZ, {.size_vox = {41, 41, 21}, .spacing_mm = {1, 2, 4}});
  const Tensor mask_XYZ = BodyMask(image, {.closing_mm = 0, .margin_mm = 4, .estimate_mm = 0}, 1);
  EXPECT_EQ(mask_XYZ.select(1, 20).select(1, 10).sum().item<int64_t>(), 11 + 2 * 4);
  EXPECT_EQ(mask_XYZ.select(0, 20).select(1, 10).sum().item<int64_t>(), 11 + 2 * 2);
  EXPECT_EQ(mask_XYZ.select(0, 20).select(0, 20).sum().item<int64_t>(), 5 + 2 * 1);
}

TEST(BodyMask, OfFineVoxelsIsFoundOnCoarserOnesWithinAVoxel) {
  const Geometry grid = StationGrids(1, {301, 211, 67}, {1.3, 1.3, 2.9}, 0)[0];
  const Volume t1 = SamplePhantom(grid, PhantomT1, {.noise_sd = 15});
  const Tensor truth_XYZ = testing::PhantomMaskXYZ(grid);
  for (const double estimate_mm : {0.0, 3.0}) {
    const Tensor mask_XYZ = BodyMask(t1, {.margin_mm = 0, .estimate_mm = estimate_mm}, 50);
    EXPECT_GE(Dice(mask_XYZ, truth_XYZ), 0.985) << estimate_mm;
  }
}

TEST(BodyMask, KeepsArmsThatLieApartAndDropsSpecks) {
  const Tensor image_XYZ = at::zeros({100, 40, 20});
  image_XYZ.narrow(0, 30, 40).narrow(1, 5, 30).fill_(500);                  // trunk
  image_XYZ.narrow(0, 5, 8).narrow(1, 15, 8).fill_(400);                    // an arm: 46 mL
  image_XYZ.narrow(0, 90, 4).narrow(1, 15, 4).narrow(2, 0, 10).fill_(400);  // 5.8 mL
  const Volume image(image_XYZ, {.size_vox = {100, 40, 20}, .spacing_mm = {3, 3, 4}});
  const Tensor mask_XYZ = BodyMask(image, {.closing_mm = 0, .margin_mm = 0}, 50);
  EXPECT_TRUE(mask_XYZ.narrow(0, 5, 8).narrow(1, 15, 8).all().item<bool>());
  EXPECT_FALSE(mask_XYZ.narrow(0, 90, 4).any().item<bool>());
}

TEST(BodyMask, RefusesAnEmptyStation) {
  const Volume image(at::zeros({8, 8, 8}), {.size_vox = {8, 8, 8}});
  EXPECT_THROW(BodyMask(image, {}, 1), Error);
}

}  // namespace
}  // namespace sap::preprocess
