// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/eval/detection.h"
#include "sap/eval/threshold.h"

namespace sap::eval {
namespace {

void Fill(Tensor& map_XYZ, const Box& b, double value) {
  map_XYZ.slice(0, b.begin_vox.x, b.end_vox.x)
      .slice(1, b.begin_vox.y, b.end_vox.y)
      .slice(2, b.begin_vox.z, b.end_vox.z)
      .fill_(value);
}

// Instance 9 of 8 voxels and instance 4 of 16 share a face; 300 lies in two pieces of 1 voxel.
CaseInput Exam() {
  CaseInput input{.id = "exam",
                  .reference_XYZ = at::zeros({12, 10, 10}, at::kShort),
                  .probability_XYZ = at::zeros({12, 10, 10})};
  Fill(input.reference_XYZ, {{1, 1, 1}, {3, 3, 3}}, 9);
  Fill(input.reference_XYZ, {{3, 1, 1}, {7, 3, 3}}, 4);
  input.reference_XYZ[8][8][1] = 300;
  input.reference_XYZ[8][8][8] = 300;
  Fill(input.probability_XYZ, {{1, 1, 1}, {3, 3, 3}}, 0.9);
  input.probability_XYZ[8][8][8] = 0.4;
  return input;
}

const MatchOptions kFile{.gt_instances = GtInstances::kFile};

TEST(GtInstances, TouchingInstancesStayApartAndPartsStayTogether) {
  const CaseLesions result = EvaluateCase(Exam(), 0.5, kFile);
  ASSERT_EQ(result.match.lesions.size(), 3U);
  std::vector<int64_t> sizes;
  for (const ReferenceLesion& lesion : result.match.lesions) {
    sizes.push_back(lesion.component.num_vox);
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{8, 16, 2}));  // by first voxel, not by value
  EXPECT_EQ(result.match.lesions[2].component.box, (Box{{8, 8, 1}, {9, 9, 9}}));
  EXPECT_DOUBLE_EQ(result.match.lesions[2].centroid_vox.z, 4.5);
  EXPECT_EQ(result.all, (DetectionCounts{3, 1, 1, 1, 0}));
  EXPECT_EQ(EvaluateCase(Exam(), 0.5, {}).all, (DetectionCounts{3, 1, 1, 1, 0}));
  EXPECT_EQ(EvaluateCase(Exam(), 0.5, {}).match.lesions[0].component.num_vox, 24);
}

TEST(GtInstances, DiceAndSurfacesAreOfTheInstance) {
  const CaseLesions result = EvaluateCase(Exam(), 0.5, kFile);
  EXPECT_DOUBLE_EQ(result.match.lesions[0].PairDice(), 1.0);
  EXPECT_EQ(result.surfaces[0].nsd_surfel, (std::vector<double>{1, 1, 1}));
  EXPECT_LT(EvaluateCase(Exam(), 0.5, {}).surfaces[0].nsd_surfel[0], 1.0);
  EXPECT_DOUBLE_EQ(result.reference_ml, 0.026);
}

TEST(GtInstances, EveryMatchingRuleSeesThem) {
  for (const auto& [rule, name] : EnumNames<Matching>::kNames) {
    MatchOptions options = kFile;
    options.matching = rule;
    options.dilate_gt_vox = 0;
    EXPECT_EQ(EvaluateCase(Exam(), 0.5, options).all, (DetectionCounts{3, 1, 1, 1, 0})) << name;
  }
}

TEST(GtInstances, SweepsCountThem) {
  const auto sweep = SweepThresholds(Exam(), {0.3, 0.5}, kFile);
  EXPECT_EQ(sweep[0].all, (DetectionCounts{3, 2, 2, 2, 0}));
  EXPECT_EQ(sweep[1].all, (DetectionCounts{3, 1, 1, 1, 0}));
}

}  // namespace
}  // namespace sap::eval
