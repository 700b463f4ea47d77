// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/gallery.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/read_png.h"

namespace sap::eval {
namespace {

// One lesion with that Dice or, at 0, missed; sizes in voxels of 1 mL.
ReferenceLesion Lesion(double dice, int64_t num_vox) {
  ReferenceLesion lesion;
  lesion.component.num_vox = num_vox;
  lesion.volume_ml = static_cast<double>(num_vox);
  if (dice > 0) {
    lesion.candidates = {0};
    lesion.candidates_vox = num_vox;
    lesion.overlap_vox = static_cast<int64_t>(dice * static_cast<double>(num_vox) + 0.5);
  }
  return lesion;
}

Candidate FalsePositive(double volume_ml) {
  Candidate candidate;
  candidate.volume_ml = volume_ml;
  candidate.false_positive = true;
  return candidate;
}

LesionSummary Summary() {
  LesionSummary summary;
  summary.cases.resize(2);
  summary.cases[0].match.lesions = {
      Lesion(0.9, 100), Lesion(0, 7), Lesion(0.2, 100), Lesion(0.4, 100)};
  summary.cases[1].match.lesions = {
      Lesion(0, 3), Lesion(0.5, 100), Lesion(0.7, 100), Lesion(0, 50)};
  summary.cases[1].match.lesions[3].ignored = true;
  summary.cases[0].match.candidates = {FalsePositive(2)};
  summary.cases[1].match.candidates = {FalsePositive(9), FalsePositive(5)};
  summary.cases[1].match.candidates[1].false_positive = false;
  return summary;
}

TEST(ChooseGallery, TakesPercentilesMissesAndFalsePositives) {
  const std::vector<GalleryItem> items = ChooseGallery(Summary(), 2);
  ASSERT_EQ(items.size(), 7U);
  // Dice 0.2, 0.4, 0.5, 0.7, 0.9: quartiles 0.4, 0.5, 0.7.
  const std::pair<std::size_t, std::size_t> places[] = {
      {0, 3}, {1, 1}, {1, 2}, {0, 1}, {1, 0}, {1, 0}, {0, 0}};
  const char* names[] = {"dice_p25",
                         "dice_p50",
                         "dice_p75",
                         "missed_1",
                         "missed_2",
                         "false_positive_1",
                         "false_positive_2"};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(std::pair(items[i].case_idx, items[i].idx), places[i]) << i;
    EXPECT_EQ(items[i].name, names[i]);
  }
}

TEST(ChooseGallery, IsEmptyWithoutLesionsOrWhenNoneIsAsked) {
  EXPECT_TRUE(ChooseGallery(LesionSummary{}, 3).empty());
  EXPECT_TRUE(ChooseGallery(Summary(), 0).empty());
}

Tensor IsColour(const Tensor& rgb_RC3, int red, int green, int blue) {
  return rgb_RC3.eq(at::tensor({red, green, blue}, at::kByte)).all(-1);
}
Tensor IsOrange(const Tensor& rgb_RC3) {
  return IsColour(rgb_RC3, 0xE6, 0x9F, 0x00);
}
Tensor IsBlue(const Tensor& rgb_RC3) {
  return IsColour(rgb_RC3, 0x56, 0xB4, 0xE9);
}

// Voxels of 2 mm; a bright cube of 8 mm. With flipped axes the patient's place is the same.
GalleryExam Exam(bool flipped, const Box& box) {
  Geometry grid{.size_vox = {50, 50, 50}, .spacing_mm = {2, 2, 2}};
  Tensor cube = at::zeros({50, 50, 50}, at::kByte);
  cube.slice(0, box.begin_vox.x, box.end_vox.x)
      .slice(1, box.begin_vox.y, box.end_vox.y)
      .slice(2, box.begin_vox.z, box.end_vox.z)
      .fill_(1);
  if (flipped) {
    cube = cube.flip({0, 2}).contiguous();
    grid.direction = {{{-1, 0, 0}, {0, 1, 0}, {0, 0, -1}}};
    grid.origin_mm = {98, 0, 98};
  }
  return {.reference = Volume(cube, grid),
          .prediction = Volume(cube, grid),
          .images = {Volume(cube.to(at::kFloat), grid)}};
}

constexpr GalleryView kView{.centre_lps_mm = {50, 50, 50}, .side_mm = 88};

TEST(GalleryPng, LeftIsOnTheRightAndTheHeadAtTheTop) {
  // From the centre to the patient's left, to the head and to the front.
  const Box box{.begin_vox = {33, 23, 33}, .end_vox = {37, 27, 37}};
  const Tensor rgb_RC3 = testing::DecodedRgb(GalleryPng(Exam(false, box), kView));
  const int64_t tile = (rgb_RC3.size(0) - 4) / 2;
  ASSERT_EQ(rgb_RC3.size(1), tile);
  const Tensor coronal = IsOrange(rgb_RC3.slice(0, 0, tile)).nonzero();
  ASSERT_GT(coronal.size(0), 0);
  EXPECT_LT(coronal.select(1, 0).max().item<int64_t>(), tile / 2);  // rows: above the middle
  EXPECT_GT(coronal.select(1, 1).min().item<int64_t>(), tile / 2);  // columns: to the right
  EXPECT_EQ(IsOrange(rgb_RC3.slice(0, tile + 4)).sum().item<int64_t>(), 0);  // another slice
  const Box front{.begin_vox = {23, 10, 23}, .end_vox = {27, 14, 27}};
  const Tensor turned = testing::DecodedRgb(GalleryPng(Exam(false, front), kView));
  const Tensor axial = IsOrange(turned.slice(0, tile + 4)).nonzero();
  ASSERT_GT(axial.size(0), 0);
  EXPECT_LT(axial.select(1, 0).max().item<int64_t>(), tile / 2);
}

TEST(GalleryPng, DoesNotDependOnTheOrderOfVoxels) {
  const Box box{.begin_vox = {23, 22, 24}, .end_vox = {30, 27, 29}};
  EXPECT_EQ(GalleryPng(Exam(false, box), kView), GalleryPng(Exam(true, box), kView));
}

TEST(GalleryPng, EqualMasksShowBothOutlines) {
  const Box box{.begin_vox = {23, 23, 23}, .end_vox = {27, 27, 27}};
  const Tensor rgb_RC3 = testing::DecodedRgb(GalleryPng(Exam(false, box), kView));
  const int64_t tile = (rgb_RC3.size(0) - 4) / 2;
  // Half a millimetre a pixel: a square of 16; rings of 16^2 - 12^2 and 20^2 - 16^2.
  EXPECT_EQ(IsOrange(rgb_RC3.slice(0, 0, tile)).sum().item<int64_t>(), 112);
  EXPECT_EQ(IsBlue(rgb_RC3.slice(0, 0, tile)).sum().item<int64_t>(), 144);
}

TEST(ViewOf, IsAsWideAsTwiceTheLesion) {
  const Geometry grid{.size_vox = {100, 100, 100}, .spacing_mm = {1, 2, 3}};
  GalleryItem item{.centroid_vox = {10.4, 20.6, 5}, .box = {{0, 0, 0}, {10, 10, 40}}};
  EXPECT_EQ(ViewOf(item, grid).side_mm, 240);
  EXPECT_EQ(ViewOf(item, grid).centre_lps_mm, (XyzDouble{10, 42, 15}));
  item.box.end_vox = {2, 2, 2};
  EXPECT_EQ(ViewOf(item, grid).side_mm, 60);
}

}  // namespace
}  // namespace sap::eval
