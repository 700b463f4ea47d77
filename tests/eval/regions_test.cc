// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/regions.h"

#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/tables.h"

namespace sap::eval {
namespace {

using ::testing::ElementsAre;

Tensor Block(Tensor volume_XYZ, const Box& box, int64_t value) {
  volume_XYZ.slice(0, box.begin_vox.x, box.end_vox.x)
      .slice(1, box.begin_vox.y, box.end_vox.y)
      .slice(2, box.begin_vox.z, box.end_vox.z)
      .fill_(value);
  return volume_XYZ;
}

std::vector<int> RegionsOfMask(const Tensor& mask_XYZ,
                               const Tensor& regions_XYZ,
                               const XyzDouble& spacing_mm,
                               double margin_mm) {
  const Components found = LabelComponents(mask_XYZ, Connectivity::k6);
  return RegionsOf(found.labels_XYZ, found.list, regions_XYZ, spacing_mm, {.margin_mm = margin_mm});
}

TEST(RegionsOf, TakesTheBoneWithMostVoxelsHoweverManyLieOutside) {
  const Tensor mask = Block(at::zeros({12, 4, 4}, at::kByte), {{0, 0, 0}, {10, 1, 1}}, 1);
  Tensor regions = at::zeros({12, 4, 4}, at::kByte);
  Block(regions, {{0, 0, 0}, {1, 1, 1}}, 2);
  Block(regions, {{8, 0, 0}, {10, 1, 1}}, 7);
  EXPECT_THAT(RegionsOfMask(mask, regions, {1, 1, 1}, 0.0), ElementsAre(7));
  Block(regions, {{1, 0, 0}, {2, 1, 1}}, 2);  // two voxels each: the smaller class
  EXPECT_THAT(RegionsOfMask(mask, regions, {1, 1, 1}, 0.0), ElementsAre(2));
}

TEST(RegionsOf, TakesTheNearestBoneUpToAndWithTheMargin) {
  const Tensor mask = Block(at::zeros({4, 4, 30}, at::kByte), {{1, 1, 10}, {2, 2, 12}}, 1);
  Tensor regions = at::zeros({4, 4, 30}, at::kByte);
  Block(regions, {{1, 1, 3}, {2, 2, 4}}, 5);    // 7 voxels below
  Block(regions, {{1, 1, 19}, {2, 2, 20}}, 3);  // 8 voxels above
  EXPECT_THAT(RegionsOfMask(mask, regions, {1, 1, 1.1}, 7.7), ElementsAre(5));
  EXPECT_THAT(RegionsOfMask(mask, regions, {1, 1, 1.1}, 7.6), ElementsAre(0));
  EXPECT_THAT(RegionsOfMask(mask, regions, {1, 1, 1.1}, 100.0), ElementsAre(5));
  Block(regions, {{1, 1, 3}, {2, 2, 4}}, 0);
  EXPECT_THAT(RegionsOfMask(mask, regions, {1, 1, 1.1}, 100.0), ElementsAre(3));
}

// All voxels of a component against all voxels of the map.
int NaiveRegion(const Tensor& labels_XYZ,
                int32_t label,
                const Tensor& regions_XYZ,
                const XyzDouble& spacing_mm,
                double margin_mm) {
  const Tensor own = labels_XYZ.eq(label).nonzero();
  const Tensor bone = regions_XYZ.nonzero();
  std::map<int, int64_t> inside;
  std::map<int, double> nearest_mm;
  for (int64_t b = 0; b < bone.size(0); ++b) {
    const int region = regions_XYZ[bone[b][0].item<int64_t>()][bone[b][1].item<int64_t>()]
                                  [bone[b][2].item<int64_t>()]
                                      .item<int>();
    for (int64_t v = 0; v < own.size(0); ++v) {
      double squared_mm2 = 0;
      for (int64_t a = 0; a < 3; ++a) {
        const auto steps = static_cast<double>((own[v][a] - bone[b][a]).item<int64_t>());
        squared_mm2 += std::pow(steps * spacing_mm[static_cast<std::size_t>(a)], 2);
      }
      const double distance_mm = std::sqrt(squared_mm2);
      if (distance_mm == 0) ++inside[region];
      if (!nearest_mm.contains(region)) nearest_mm[region] = distance_mm;
      nearest_mm[region] = std::min(nearest_mm[region], distance_mm);
    }
  }
  int best = 0;
  for (const auto& [region, count] : inside) {
    if (best == 0 || count > inside[best]) best = region;
  }
  if (best != 0) return best;
  for (const auto& [region, distance_mm] : nearest_mm) {
    if (distance_mm > margin_mm + 1e-5) continue;
    if (best == 0 || distance_mm < nearest_mm[best] - 1e-5) best = region;
  }
  return best;
}

TEST(RegionsOf, EqualsTheLoopOverAllPairsOfVoxels) {
  const XyzDouble spacing_mm{1.5, 1.0, 2.3};
  at::Generator generator = at::detail::createCPUGenerator(3);
  const Components found =
      LabelComponents(at::rand({12, 11, 10}, generator).lt(0.05), Connectivity::k6);
  const Tensor regions = at::randint(1, 10, {12, 11, 10}, generator, at::kByte) *
                         at::rand({12, 11, 10}, generator).lt(0.02);
  const auto regions_of = RegionsOf(
      found.labels_XYZ, found.list, regions.to(at::kByte), spacing_mm, {.margin_mm = 4.0});
  int outside = 0;
  int apart = 0;
  for (std::size_t i = 0; i < found.list.size(); ++i) {
    const int32_t label = found.list[i].label;
    ASSERT_EQ(regions_of[i],
              NaiveRegion(found.labels_XYZ, label, regions.to(at::kByte), spacing_mm, 4.0))
        << label;
    outside += regions_of[i] == 0 ? 1 : 0;
    apart += (regions * found.labels_XYZ.eq(label)).sum().item<int64_t>() == 0 ? 1 : 0;
  }
  EXPECT_GT(outside, 0);
  EXPECT_GT(apart, outside);
}

ReferenceLesion Lesion(int32_t label, bool detected, bool large) {
  ReferenceLesion lesion{.component = {.label = label, .num_vox = 10}, .large = large};
  lesion.reference_vox = 10;
  if (detected) lesion.candidates = {0};
  if (detected) lesion.overlap_vox = 5;
  if (detected) lesion.candidates_vox = 10;
  return lesion;
}

TEST(RegionRows, PoolExamsThatHaveAMapOfBones) {
  CaseLesions with{.id = "with", .has_regions = true};
  with.match.lesions = {Lesion(1, true, true), Lesion(2, false, false), Lesion(3, false, true)};
  with.match.lesions[2].ignored = true;
  with.match.candidates = {{.lesions = {0}},
                           {.false_positive = true, .large_false_positive = true}};
  with.lesion_details = {{.region = "pelvis"}, {.region = "pelvis"}, {.region = "pelvis"}};
  with.candidate_details = {{.region = "pelvis"}, {.region = kOffSkeleton}};
  CaseLesions empty{.id = "empty", .has_regions = true};
  CaseLesions without{.id = "without"};
  without.match.lesions = {Lesion(1, true, true)};
  const auto rows = RegionRows("m", {.cases = {with, empty, without}}, {"pelvis", "femurs"});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].region, "pelvis");
  EXPECT_EQ(rows[0].num_exams, 2);
  EXPECT_EQ(rows[0].all, (DetectionCounts{.lesions = 2, .detected = 1}));
  EXPECT_EQ(rows[0].large, (DetectionCounts{.lesions = 1, .detected = 1}));
  EXPECT_DOUBLE_EQ(rows[0].median_dice, 0.5);
  EXPECT_EQ(rows[1].all, DetectionCounts{});
  EXPECT_TRUE(std::isnan(rows[1].median_dice));
  EXPECT_EQ(rows[2].region, kOffSkeleton);
  EXPECT_DOUBLE_EQ(rows[2].FalsePositivesPerExam(), 0.5);
  EXPECT_EQ(rows[2].large.false_positives, 1);
  EXPECT_THAT(
      ParseCsv(RegionsCsv(rows))[1],
      ElementsAre("m", "pelvis", "2", "2", "1", "0.5", "1", "1", "1", "0", "0", "0", "0.5"));
}

}  // namespace
}  // namespace sap::eval
