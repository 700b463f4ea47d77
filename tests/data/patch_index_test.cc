// SPDX-License-Identifier: Apache-2.0
#include "sap/data/patch_index.h"

#include <gmock/gmock.h>

namespace sap::data {
namespace {

using ::testing::ElementsAre;

TEST(PatchIndex, TrainingPatchIsFourThirdsRoundedUp) {
  EXPECT_EQ(TrainingPatchSize({96, 64, 32}), (XyzInt{128, 86, 43}));
}

TEST(PatchIndex, PositivePatchIsGrownAroundTheLesion) {
  const Box patch =
      PositivePatch({{100, 100, 100}, {110, 110, 110}}, {96, 96, 96}, {300, 300, 300});
  EXPECT_EQ(patch.begin_vox, (XyzInt{57, 57, 57}));
  EXPECT_EQ(patch.SizeVox(), (XyzInt{96, 96, 96}));
}

TEST(PatchIndex, PositivePatchIsShiftedInwardAtBorders) {
  const Box patch = PositivePatch({{0, 150, 297}, {5, 155, 300}}, {96, 96, 96}, {300, 300, 300});
  EXPECT_EQ(patch.begin_vox, (XyzInt{0, 105, 204}));
  EXPECT_EQ(patch.end_vox, (XyzInt{96, 201, 300}));
}

TEST(PatchIndex, PositivePatchGrowsForLargeLesionsAndShrinksInSmallVolumes) {
  const Box large = PositivePatch({{50, 50, 50}, {190, 60, 60}}, {96, 96, 96}, {300, 300, 300});
  EXPECT_EQ(large.SizeVox(), (XyzInt{160, 96, 96}));
  const Box small = PositivePatch({{5, 5, 5}, {9, 9, 9}}, {96, 96, 96}, {40, 300, 300});
  EXPECT_EQ(small.SizeVox(), (XyzInt{40, 96, 96}));
}

TEST(PatchIndex, WindowsStrideHalfAndEndAligned) {
  EXPECT_THAT(WindowBegins(300, 128), ElementsAre(0, 64, 128, 172));
  EXPECT_THAT(WindowBegins(256, 128), ElementsAre(0, 64, 128));
  EXPECT_THAT(WindowBegins(90, 128), ElementsAre(0));
}

TEST(PatchIndex, TheExampleGridGives825Windows) {
  // 11 x 3 x 25 windows per patient (specs/preprocessing.md §2.1) on a lesion-free volume.
  const auto windows =
      BackgroundWindows({768, 256, 1664}, {128, 128, 128}, [](const Box&) { return 0; });
  EXPECT_EQ(windows.size(), 825U);
}

TEST(PatchIndex, BackgroundWindowsAreFreeOfLabels) {
  const XyzInt lesion{70, 70, 70};
  const auto windows = BackgroundWindows(
      {128, 128, 128}, {64, 64, 64}, [&](const Box& b) { return b.Contains(lesion) ? 1 : 0; });
  EXPECT_EQ(windows.size(), 27U - 8U);
  for (const Box& window : windows) EXPECT_FALSE(window.Contains(lesion));
}

}  // namespace
}  // namespace sap::data
