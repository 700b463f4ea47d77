// SPDX-License-Identifier: Apache-2.0
#include "eval/match_rule.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/rng.h"
#include "sap/eval/detection.h"

namespace sap::eval {
namespace {

constexpr XyzDouble kUnit{1, 1, 1};

Tensor Blocks(const std::vector<Box>& boxes, int64_t n = 24) {
  Tensor mask = at::zeros({n, n, n}, at::kByte);
  for (const Box& b : boxes) {
    mask.slice(0, b.begin_vox.x, b.end_vox.x)
        .slice(1, b.begin_vox.y, b.end_vox.y)
        .slice(2, b.begin_vox.z, b.end_vox.z)
        .fill_(1);
  }
  return mask;
}

TEST(AssignPairs, EqualsTheBestOfAllPermutations) {
  Rng rng({.seed = 4});
  for (int repeat = 0; repeat < 60; ++repeat) {
    std::vector<std::vector<double>> weight(4, std::vector<double>(4));
    for (auto& row : weight) {
      for (double& w : row) w = rng.Bernoulli(0.5) ? rng.Uniform(0.1, 1.0) : 0.0;
    }
    std::vector<int64_t> order = {0, 1, 2, 3};
    std::pair<int, double> best{0, 0.0};
    do {
      std::pair<int, double> found{0, 0.0};
      for (std::size_t i = 0; i < 4; ++i) {
        const double w = weight[i][static_cast<std::size_t>(order[i])];
        found.first += w > 0 ? 1 : 0;
        found.second += w;
      }
      best = std::max(best, found);
    } while (std::next_permutation(order.begin(), order.end()));
    std::pair<int, double> actual{0, 0.0};
    const std::vector<int64_t> column_of = AssignPairs(weight);
    for (std::size_t i = 0; i < 4; ++i) {
      if (column_of[i] < 0) continue;
      ++actual.first;
      actual.second += weight[i][static_cast<std::size_t>(column_of[i])];
    }
    EXPECT_EQ(actual.first, best.first);
    EXPECT_NEAR(actual.second, best.second, 1e-12);
  }
}

TEST(MatchRule, IouPairsOneToOneAndExcusesTheSecondCandidate) {
  // Lesion of 10 x 4 x 4; candidates of 5 and 3 slices on it: IoU 0.5 and 0.3.
  const Tensor lesion = Blocks({{{2, 2, 2}, {12, 6, 6}}});
  const Tensor two = Blocks({{{2, 2, 2}, {7, 6, 6}}, {{9, 2, 2}, {12, 6, 6}}});
  MatchOptions options{.matching = Matching::kIou, .min_overlap_frac = 0.3};
  MatchResult match = MatchLesions(lesion, two, kUnit, options);
  EXPECT_EQ(match.lesions[0].candidates, std::vector<int64_t>{0});
  EXPECT_EQ(CountAll(match).false_positives, 0);
  EXPECT_DOUBLE_EQ(match.lesions[0].PairDice(), 2.0 * 5 / 15);
  options.extra_hit = ExtraHit::kFalsePositive;
  EXPECT_EQ(CountAll(MatchLesions(lesion, two, kUnit, options)).false_positives, 1);
  options.extra_hit = ExtraHit::kIgnored;
  options.min_overlap_frac = 0.31;  // the second overlaps too little to be excused
  EXPECT_EQ(CountAll(MatchLesions(lesion, two, kUnit, options)).false_positives, 1);
  options.min_overlap_frac = 0.51;
  EXPECT_EQ(CountAll(MatchLesions(lesion, two, kUnit, options)).detected, 0);
}

TEST(MatchRule, DiceLimitIsInclusive) {
  const Tensor lesion = Blocks({{{2, 2, 2}, {4, 4, 4}}});
  const Tensor half = Blocks({{{3, 2, 2}, {5, 4, 4}}});  // Dice 1/2, IoU 1/3
  const auto detected = [&](Matching rule, double limit) {
    const MatchOptions options{.matching = rule, .min_overlap_frac = limit};
    return CountAll(MatchLesions(lesion, half, kUnit, options)).detected;
  };
  EXPECT_EQ(detected(Matching::kDice, 0.5), 1);
  EXPECT_EQ(detected(Matching::kDice, 0.51), 0);
  EXPECT_EQ(detected(Matching::kIou, 1.0 / 3), 1);
  EXPECT_EQ(detected(Matching::kIou, 0.34), 0);
}

TEST(MatchRule, MinOverlapCountsVoxels) {
  const Tensor lesion = Blocks({{{2, 2, 2}, {4, 4, 4}}});
  const Tensor predicted = Blocks({{{3, 2, 2}, {9, 4, 4}}});  // 4 shared voxels
  MatchOptions options{.matching = Matching::kMinOverlap, .min_overlap_vox = 4};
  EXPECT_EQ(CountAll(MatchLesions(lesion, predicted, kUnit, options)),
            (DetectionCounts{1, 1, 1, 1, 0}));
  options.min_overlap_vox = 5;
  EXPECT_EQ(CountAll(MatchLesions(lesion, predicted, kUnit, options)),
            (DetectionCounts{1, 0, 1, 0, 1}));
}

TEST(MatchRule, CentreInMaskLooksAtTheCandidatesCentroid) {
  const Tensor lesion = Blocks({{{2, 2, 2}, {5, 5, 5}}});
  const MatchOptions options{.matching = Matching::kCentre};
  const auto detected = [&](const Box& box) {
    return CountAll(MatchLesions(lesion, Blocks({box}), kUnit, options)).detected;
  };
  EXPECT_EQ(detected({{3, 3, 3}, {6, 6, 6}}), 1);  // centre (4, 4, 4)
  EXPECT_EQ(detected({{4, 3, 3}, {9, 6, 6}}), 0);  // overlaps, centre (6, 4, 4)
}

TEST(MatchRule, DilatedLesionReachesFacesAndEdgesButNotCorners) {
  const Tensor lesion = Blocks({{{4, 4, 4}, {5, 5, 5}}});
  const auto detected = [&](const XyzInt& at, int64_t steps) {
    const Box voxel{at, {at.x + 1, at.y + 1, at.z + 1}};
    const MatchOptions options{.matching = Matching::kDilated, .dilate_gt_vox = steps};
    return CountAll(MatchLesions(lesion, Blocks({voxel}), kUnit, options)).detected;
  };
  EXPECT_EQ(detected({5, 4, 4}, 0), 0);
  EXPECT_EQ(detected({5, 4, 4}, 1), 1);
  EXPECT_EQ(detected({5, 5, 4}, 1), 1);
  EXPECT_EQ(detected({5, 5, 5}, 1), 0);
  EXPECT_EQ(detected({5, 5, 5}, 2), 1);
}

TEST(MatchRule, BestPairTakesTheCandidateOfMostOverlap) {
  const Tensor lesion = Blocks({{{2, 2, 2}, {12, 6, 6}}});
  const Tensor two = Blocks({{{2, 2, 2}, {7, 6, 6}}, {{9, 2, 2}, {12, 6, 6}}});
  const MatchOptions options{.lesion_pair = LesionPair::kBest};
  const MatchResult match = MatchLesions(lesion, two, kUnit, options);
  EXPECT_EQ(match.lesions[0].paired, std::vector<int64_t>{0});
  EXPECT_EQ(match.lesions[0].candidates.size(), 2U);
  EXPECT_DOUBLE_EQ(match.lesions[0].PairDice(), 2.0 * 5 / 15);
}

TEST(ScoreCandidates, TakesTheLargestProbability) {
  Tensor probability = at::zeros({8, 8, 8});
  probability[1][1][1] = 0.6F;
  probability[1][1][2] = 0.8F;
  probability[5][5][5] = 0.7F;
  MatchLabels labels;
  MatchResult match =
      MatchLesions(at::zeros({8, 8, 8}, at::kByte), probability > 0.5, kUnit, {}, &labels);
  ScoreCandidates(labels, probability, match);
  EXPECT_FLOAT_EQ(match.candidates[0].score, 0.8F);
  EXPECT_FLOAT_EQ(match.candidates[1].score, 0.7F);
}

TEST(ScoreCandidates, TakesTheMeanOrA95thPercentileOfItsVoxelsOnly) {
  // 21 voxels of 0.60, 0.61, ... 0.80 in one row; another candidate inside the same box.
  Tensor probability = at::zeros({8, 8, 30});
  for (int64_t i = 0; i <= 20; ++i) probability[1][1][i] = 0.6F + 0.01F * static_cast<float>(i);
  probability[3][1][5] = 0.99F;
  probability[2][1][20] = 0.8F;
  probability[3][1][20] = 0.8F;
  const auto scored = [&](CandidateScore rule) {
    MatchLabels labels;
    MatchResult match =
        MatchLesions(at::zeros({8, 8, 30}, at::kByte), probability > 0.5, kUnit, {}, &labels);
    ScoreCandidates(labels, probability, match, rule);
    return match.candidates[0].score;
  };
  EXPECT_NEAR(scored(CandidateScore::kMax), 0.8, 1e-6);
  EXPECT_NEAR(scored(CandidateScore::kMean), (21 * 0.7 + 2 * 0.8) / 23, 1e-6);
  // Rank 0.95 * 22 = 20.9 of 0-based ranks: the last three values are 0.8.
  EXPECT_NEAR(scored(CandidateScore::kP95), 0.8, 1e-6);
  probability[2][1][20] = 0;
  EXPECT_NEAR(scored(CandidateScore::kP95), 0.79, 1e-6);
}

}  // namespace
}  // namespace sap::eval
