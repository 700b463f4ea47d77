// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/rng.h"
#include "sap/eval/detection.h"
#include "sap/eval/surface.h"

namespace sap::eval {
namespace {

constexpr XyzDouble kUnit{1, 1, 1};

Tensor Blocks(const std::vector<Box>& boxes) {
  Tensor mask_XYZ = at::zeros({20, 12, 12}, at::kByte);
  for (const Box& b : boxes) {
    mask_XYZ.slice(0, b.begin_vox.x, b.end_vox.x)
        .slice(1, b.begin_vox.y, b.end_vox.y)
        .slice(2, b.begin_vox.z, b.end_vox.z)
        .fill_(1);
  }
  return mask_XYZ;
}

const Box kLeft{{2, 2, 2}, {4, 4, 4}};
const Box kRight{{8, 2, 2}, {10, 4, 4}};
// 24 voxels over both: slices 3, 4, 5 are nearer to the left lesion, 6, 7, 8 to the right one.
const Box kBridge{{3, 2, 2}, {9, 4, 4}};

CaseLesions Evaluate(const Tensor& reference_XYZ, const Tensor& predicted_XYZ, LesionPair rule) {
  const CaseInput input{.id = "case",
                        .reference_XYZ = reference_XYZ,
                        .probability_XYZ = predicted_XYZ.to(at::kFloat)};
  return EvaluateCase(input, 0.5, {.lesion_pair = rule});
}

TEST(LesionPairs, VoronoiGivesEachVoxelToTheNearestLesion) {
  const Tensor reference = Blocks({kLeft, kRight});
  const CaseLesions result = Evaluate(reference, Blocks({kBridge}), LesionPair::kVoronoi);
  for (const ReferenceLesion& lesion : result.match.lesions) {
    EXPECT_EQ(lesion.candidates_vox, 12);
    EXPECT_DOUBLE_EQ(lesion.PairDice(), 2.0 * 4 / (8 + 12));
  }
  const SurfaceScores by_hand =
      CompareSurfaces(Blocks({kLeft}), Blocks({{{3, 2, 2}, {6, 4, 4}}}), kUnit, {1.0, 2.0, 3.0});
  EXPECT_EQ(result.surfaces[0].nsd_surfel, by_hand.nsd_surfel);
  EXPECT_EQ(result.surfaces[0].hd95_mm, by_hand.hd95_mm);
}

TEST(LesionPairs, VoronoiLooksAtLesionVoxelsBesideTheCandidatesBox) {
  // The first lesion touches the line at its begin and runs along it, one row beside its box.
  const Tensor reference =
      Blocks({{{2, 2, 2}, {3, 4, 3}}, {{3, 3, 2}, {7, 4, 3}}, {{8, 2, 2}, {9, 3, 3}}});
  const Tensor predicted = Blocks({{{2, 2, 2}, {9, 3, 3}}});
  const CaseLesions result = Evaluate(reference, predicted, LesionPair::kVoronoi);
  EXPECT_EQ(result.match.lesions[0].overlap_vox, 1);
  EXPECT_EQ(result.match.lesions[0].candidates_vox, 5);  // up to slice 6
  EXPECT_EQ(result.match.lesions[1].candidates_vox, 2);
}

TEST(LesionPairs, VoronoiPartsAreThoseOfASearchThroughAllVoxels) {
  Rng rng({.seed = 3});
  const XyzDouble spacing_mm{1.0, 1.3, 2.9};  // nothing is equally far
  Tensor reference = at::zeros({14, 12, 10}, at::kByte);
  for (int i = 0; i < 5; ++i) {
    reference[2 * i + 2][rng.UniformInt(0, 11)][rng.UniformInt(0, 9)] = 1;
  }
  const Tensor predicted = at::ones({14, 12, 10}, at::kByte);
  const MatchOptions options{.lesion_pair = LesionPair::kVoronoi};
  const MatchResult match = MatchLesions(reference, predicted, spacing_mm, options);
  ASSERT_EQ(match.lesions.size(), 5U);
  std::vector<int64_t> expected(5, 0);
  for (int64_t i = 0; i < predicted.numel(); ++i) {
    const XyzInt at{i / 120, i / 10 % 12, i % 10};
    double best = std::numeric_limits<double>::infinity();
    std::size_t owner = 0;
    for (std::size_t g = 0; g < 5; ++g) {
      double squared = 0;
      for (std::size_t a = 0; a < 3; ++a) {
        const double step_mm =
            static_cast<double>(at[a] - match.lesions[g].component.first_vox[a]) * spacing_mm[a];
        squared += step_mm * step_mm;
      }
      if (squared < best) {
        best = squared;
        owner = g;
      }
    }
    ++expected[owner];
  }
  for (std::size_t g = 0; g < 5; ++g) EXPECT_EQ(match.lesions[g].candidates_vox, expected[g]) << g;
}

TEST(LesionPairs, AGroupHasOneValueThatIsCountedOnce) {
  const Box lone{{14, 6, 6}, {16, 8, 8}};
  const CaseLesions result =
      Evaluate(Blocks({kLeft, kRight, lone}), Blocks({kBridge, lone}), LesionPair::kGroup);
  const double merged = 2.0 * 8 / (16 + 24);
  EXPECT_DOUBLE_EQ(result.match.lesions[0].PairDice(), merged);
  EXPECT_DOUBLE_EQ(result.match.lesions[1].PairDice(), merged);
  const LesionSummary alone{.options = {.lesion_pair = LesionPair::kGroup}, .cases = {result}};
  EXPECT_EQ(alone.DetectedDice(), (std::vector<double>{merged, 1.0}));
  EXPECT_DOUBLE_EQ(result.mean_dice, (2 * merged + 1.0) / 3);  // every lesion counts
  const SurfaceScores by_hand =
      CompareSurfaces(Blocks({kLeft, kRight}), Blocks({kBridge}), kUnit, {1.0, 2.0, 3.0});
  EXPECT_EQ(result.surfaces[0].nsd_surfel, by_hand.nsd_surfel);
  EXPECT_EQ(result.surfaces[1].nsd_surfel, by_hand.nsd_surfel);
  EXPECT_EQ(result.surfaces[2].nsd_surfel, (std::vector<double>{1, 1, 1}));
}

TEST(LesionPairs, AllRulesAgreeWithoutSplitsAndMerges) {
  const Tensor reference = Blocks({kLeft, kRight});
  const Tensor predicted = Blocks({{{2, 2, 2}, {3, 4, 4}}, {{8, 2, 2}, {12, 4, 4}}});
  const CaseLesions expected = Evaluate(reference, predicted, LesionPair::kUnion);
  for (const auto& [rule, name] : EnumNames<LesionPair>::kNames) {
    const CaseLesions result = Evaluate(reference, predicted, rule);
    for (std::size_t g = 0; g < 2; ++g) {
      EXPECT_EQ(result.match.lesions[g].PairDice(), expected.match.lesions[g].PairDice()) << name;
      EXPECT_EQ(result.surfaces[g].nsd_surfel, expected.surfaces[g].nsd_surfel) << name;
    }
  }
}

}  // namespace
}  // namespace sap::eval
