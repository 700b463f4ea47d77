// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_match.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/eval/detection.h"

namespace sap::eval {
namespace {

constexpr XyzDouble kUnit{1, 1, 1};

Tensor Empty(int64_t n = 20) {
  return at::zeros({n, n, n}, at::kByte);
}

void Paint(Tensor& mask_XYZ, const XyzInt& begin, const XyzInt& end) {
  mask_XYZ.slice(0, begin.x, end.x).slice(1, begin.y, end.y).slice(2, begin.z, end.z).fill_(1);
}

TEST(MatchLesions, OneCandidateOverTwoLesionsDetectsBoth) {
  Tensor reference = Empty();
  Paint(reference, {2, 2, 2}, {4, 4, 4});
  Paint(reference, {8, 2, 2}, {10, 4, 4});
  Tensor predicted = Empty();
  Paint(predicted, {3, 2, 2}, {9, 4, 4});
  const MatchResult match = MatchLesions(reference, predicted, kUnit, {});
  EXPECT_TRUE(match.lesions[0].detected() && match.lesions[1].detected());
  EXPECT_FALSE(match.candidates[0].false_positive);
  EXPECT_EQ(match.groups, std::vector<MatchGroup>{MatchGroup::kMerge});
  EXPECT_EQ(CountAll(match), (DetectionCounts{2, 2, 1, 1, 0}));
  // Each lesion (8 voxels, 4 hit) is compared with the whole candidate of 24 voxels.
  EXPECT_DOUBLE_EQ(match.lesions[0].PairDice(), 2.0 * 4 / (8 + 24));
}

TEST(MatchLesions, ThreeFragmentsDetectOneLesionOnceWithoutFalsePositives) {
  Tensor reference = Empty();
  Paint(reference, {2, 2, 2}, {12, 4, 4});
  Tensor predicted = Empty();
  for (const int64_t x : {2, 5, 8}) Paint(predicted, {x, 2, 2}, {x + 1, 4, 4});
  const MatchResult match = MatchLesions(reference, predicted, kUnit, {});
  EXPECT_EQ(CountAll(match), (DetectionCounts{1, 1, 3, 3, 0}));
  EXPECT_EQ(match.groups, std::vector<MatchGroup>{MatchGroup::kSplit});
  EXPECT_DOUBLE_EQ(match.lesions[0].PairDice(), 2.0 * 12 / (40 + 12));
  EXPECT_EQ(match.lesions[0].candidates, (std::vector<int64_t>{0, 1, 2}));
}

TEST(MatchLesions, ConnectivityDecidesWhetherDiagonalVoxelsAreOneLesion) {
  Tensor edge = Empty(6);
  edge[1][1][1] = 1;
  edge[2][2][1] = 1;
  Tensor corner = Empty(6);
  corner[1][1][1] = 1;
  corner[2][2][2] = 1;
  const auto lesions = [](const Tensor& mask, int connectivity) {
    return MatchLesions(mask, at::zeros_like(mask), kUnit, {.connectivity = connectivity})
        .lesions.size();
  };
  EXPECT_EQ(lesions(edge, 6), 2U);
  EXPECT_EQ(lesions(edge, 18), 1U);
  EXPECT_EQ(lesions(corner, 18), 2U);
  EXPECT_EQ(lesions(corner, 26), 1U);
}

TEST(MatchLesions, ExactlyOneMlIsLargeAndOneVoxelLessIsNot) {
  Tensor reference = Empty(24);
  Paint(reference, {0, 0, 0}, {10, 10, 10});
  MatchResult match = MatchLesions(reference, Empty(24), kUnit, {});
  EXPECT_TRUE(match.lesions[0].large);
  EXPECT_TRUE(match.lesions[0].touches_border);
  reference[0][0][0] = 0;
  match = MatchLesions(reference, Empty(24), kUnit, {});
  EXPECT_FALSE(match.lesions[0].large);
  EXPECT_EQ(match.lesions[0].component.num_vox, 999);
}

TEST(MatchLesions, ADroppedSmallLesionIsNeitherMissedNorMakesAFalsePositive) {
  Tensor reference = Empty();
  Paint(reference, {2, 2, 2}, {3, 3, 3});  // 0.001 mL
  Paint(reference, {8, 8, 8}, {12, 12, 12});
  Tensor predicted = Empty();
  Paint(predicted, {2, 2, 2}, {3, 4, 3});
  Paint(predicted, {9, 9, 9}, {10, 10, 10});
  const MatchResult match = MatchLesions(reference, predicted, kUnit, {.min_gt_ml = 0.01});
  EXPECT_TRUE(match.lesions[0].ignored);
  EXPECT_EQ(CountAll(match), (DetectionCounts{1, 1, 1, 1, 0}));
}

TEST(MatchLesions, ASmallCandidateDetectsNothingBelowTheMinimumVolume) {
  Tensor reference = Empty();
  Paint(reference, {8, 8, 8}, {12, 12, 12});
  Tensor predicted = Empty();
  Paint(predicted, {9, 9, 9}, {10, 10, 10});
  EXPECT_EQ(CountAll(MatchLesions(reference, predicted, kUnit, {.min_candidate_ml = 0.002})),
            (DetectionCounts{1, 0, 0, 0, 0}));
}

TEST(MatchLesions, LargeFalsePositivesFollowTheOption) {
  Tensor reference = Empty(30);
  Paint(reference, {2, 2, 2}, {4, 4, 4});
  Tensor predicted = Empty(30);
  Paint(predicted, {2, 2, 2}, {13, 12, 12});   // over 1 mL, on a small lesion
  Paint(predicted, {15, 2, 2}, {26, 12, 12});  // over 1 mL, on none
  MatchOptions options;
  EXPECT_EQ(CountLarge(MatchLesions(reference, predicted, kUnit, options)).false_positives, 1);
  options.large_fp = LargeFalsePositive::kLargeLesion;
  EXPECT_EQ(CountLarge(MatchLesions(reference, predicted, kUnit, options)).false_positives, 2);
}

TEST(MatchLesions, OnlyLargeCandidatesDetectLargeLesionsWithSameVolume) {
  Tensor reference = Empty(30);
  Paint(reference, {2, 2, 2}, {12, 12, 12});   // 1 mL, hit by one voxel
  Paint(reference, {15, 2, 2}, {25, 12, 12});  // 1 mL, hit by all of it
  Tensor predicted = Empty(30);
  Paint(predicted, {2, 2, 2}, {3, 3, 3});
  Paint(predicted, {15, 2, 2}, {25, 12, 12});
  MatchOptions options;
  EXPECT_EQ(CountLarge(MatchLesions(reference, predicted, kUnit, options)),
            (DetectionCounts{2, 2, 2, 2, 0}));
  options.large_candidate = LargeCandidate::kSameVolume;
  const MatchResult match = MatchLesions(reference, predicted, kUnit, options);
  EXPECT_EQ(CountLarge(match), (DetectionCounts{2, 1, 1, 1, 0}));
  EXPECT_EQ(CountAll(match), (DetectionCounts{2, 2, 2, 2, 0}));
}

TEST(MatchLesions, AFragmentThatIsNoLesionsBestIsAnExtraHit) {
  Tensor reference = Empty();
  Paint(reference, {2, 2, 2}, {12, 4, 4});
  Paint(reference, {2, 8, 2}, {4, 10, 4});
  Tensor predicted = Empty();
  Paint(predicted, {2, 2, 2}, {3, 4, 4});    // a slice of the first lesion
  Paint(predicted, {5, 2, 2}, {8, 4, 4});    // three slices: its best candidate
  Paint(predicted, {10, 2, 2}, {11, 9, 4});  // one slice
  Paint(predicted, {3, 8, 2}, {10, 9, 4});   // joins the last, and is the second lesion's best
  MatchOptions options;
  EXPECT_EQ(CountAll(MatchLesions(reference, predicted, kUnit, options)),
            (DetectionCounts{2, 2, 3, 3, 0}));
  options.extra_hit = ExtraHit::kFalsePositive;
  EXPECT_EQ(CountAll(MatchLesions(reference, predicted, kUnit, options)),
            (DetectionCounts{2, 2, 3, 2, 1}));
}

TEST(MeasureNearestLesions, IsTheSmallestDistanceOfVoxelCentres) {
  Tensor reference = Empty();
  Paint(reference, {2, 2, 2}, {4, 4, 4});
  Paint(reference, {15, 15, 15}, {18, 18, 18});
  Tensor predicted = Empty();
  Paint(predicted, {3, 3, 3}, {6, 6, 6});        // shares a voxel
  Paint(predicted, {8, 3, 2}, {10, 5, 4});       // 5 steps in x from the first lesion
  Paint(predicted, {12, 11, 13}, {14, 13, 14});  // 2, 3 and 2 steps from the second
  const XyzDouble spacing_mm{1, 2, 3};
  const LabelledCase labelled = LabelCase(reference, predicted, spacing_mm, {});
  MatchResult match = MatchLesions(labelled, {});
  MeasureNearestLesions(labelled, match);
  ASSERT_EQ(match.candidates.size(), 3U);
  EXPECT_EQ(match.candidates[0].nearest_lesion_mm, 0.0);
  EXPECT_DOUBLE_EQ(match.candidates[1].nearest_lesion_mm, 5.0);
  EXPECT_DOUBLE_EQ(match.candidates[2].nearest_lesion_mm, std::sqrt(2. * 2 + 6 * 6 + 6 * 6));
  const LabelledCase healthy = LabelCase(Empty(), predicted, spacing_mm, {});
  match = MatchLesions(healthy, {});
  MeasureNearestLesions(healthy, match);
  EXPECT_TRUE(std::isnan(match.candidates[0].nearest_lesion_mm));
}

TEST(MatchLesions, CentroidAndBoxAreInVoxels) {
  Tensor reference = Empty();
  Paint(reference, {2, 4, 6}, {5, 6, 7});
  const MatchResult match = MatchLesions(reference, Empty(), kUnit, {});
  EXPECT_EQ(match.lesions[0].component.box, (Box{{2, 4, 6}, {5, 6, 7}}));
  EXPECT_DOUBLE_EQ(match.lesions[0].centroid_vox.x, 3.0);
  EXPECT_DOUBLE_EQ(match.lesions[0].centroid_vox.y, 4.5);
  EXPECT_DOUBLE_EQ(match.lesions[0].centroid_vox.z, 6.0);
}

}  // namespace
}  // namespace sap::eval
