// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/threshold.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::eval {
namespace {

// Smooth random probabilities and blobs, so that components merge and split over thresholds.
CaseInput RandomCase(uint64_t seed) {
  Rng rng({.seed = seed});
  Tensor noise = at::empty({1, 1, 26, 22, 18});
  float* values = noise.data_ptr<float>();
  for (int64_t i = 0; i < noise.numel(); ++i) values[i] = static_cast<float>(rng.Uniform());
  const Tensor smooth = at::avg_pool3d(noise, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, false, false);
  const Tensor scaled = ((smooth - smooth.min()) / (smooth.max() - smooth.min()))[0][0];
  // Whole hundredths: every voxel ties with a threshold.
  return {.id = "random",
          .reference_XYZ = scaled.roll({2, 1, 0}, {0, 1, 2}) > 0.72,
          .probability_XYZ = (scaled * 100).round() / 100,
          .spacing_mm = {3, 3, 4}};
}

TEST(SweepThresholds, EqualsMatchingAtEachThreshold) {
  for (const int connectivity : {6, 18, 26}) {
    for (const double min_ml : {0.0, 0.08}) {
      for (const bool other : {false, true}) {
        const CaseInput input = RandomCase(static_cast<uint64_t>(connectivity));
        const MatchOptions options{
            .connectivity = connectivity,
            .min_candidate_ml = min_ml,
            .min_gt_ml = min_ml,
            .large_ml = 0.3,
            .large_fp = other ? LargeFalsePositive::kLargeLesion : LargeFalsePositive::kAnyLesion,
            .large_candidate = other ? LargeCandidate::kSameVolume : LargeCandidate::kAny};
        for (const ThresholdCounts& row : SweepThresholds(input, DefaultThresholds(), options)) {
          const MatchResult expected = MatchLesions(input.reference_XYZ,
                                                    input.probability_XYZ >= row.threshold,
                                                    input.spacing_mm,
                                                    options);
          EXPECT_EQ(row.all, CountAll(expected)) << row.threshold << " c " << connectivity;
          EXPECT_EQ(row.large, CountLarge(expected)) << row.threshold << " c " << connectivity;
        }
      }
    }
  }
}

CaseInput TwoVoxels(float on_lesion, float elsewhere) {
  CaseInput input{.id = "two",
                  .reference_XYZ = at::zeros({5, 5, 5}, at::kByte),
                  .probability_XYZ = at::zeros({5, 5, 5})};
  input.reference_XYZ[1][1][1] = 1;
  input.probability_XYZ[1][1][1] = on_lesion;
  input.probability_XYZ[3][3][3] = elsewhere;
  return input;
}

TEST(TuneThreshold, TakesTheLargestOfEqualThresholds) {
  // F2 is 1 for thresholds above 0.4 up to 0.8.
  const auto load = [](std::size_t) { return TwoVoxels(0.8F, 0.4F); };
  const ThresholdChoice choice = TuneThreshold(1, load);
  EXPECT_DOUBLE_EQ(choice.threshold, 0.8);
  EXPECT_DOUBLE_EQ(choice.objective, 1.0);
  EXPECT_EQ(choice.f2.size(), 1U);
  EXPECT_DOUBLE_EQ(choice.f2[0][39], 5.0 / 6);  // at 0.40: one lesion, one false positive
}

TEST(TuneThreshold, AveragesOverPatients) {
  // The first patient needs t <= 0.3, the second t > 0.5; missing a lesion costs more than a
  // false positive.
  const auto load = [](std::size_t i) {
    return i == 0 ? TwoVoxels(0.3F, 0.0F) : TwoVoxels(0.9F, 0.5F);
  };
  const ThresholdChoice choice = TuneThreshold(2, load);
  EXPECT_DOUBLE_EQ(choice.threshold, 0.3);
  EXPECT_DOUBLE_EQ(choice.objective, (1.0 + 5.0 / 6) / 2);
}

TEST(TuneThreshold, RefusesTuningCasesWithoutLesions) {
  const auto load = [](std::size_t) {
    CaseInput input = TwoVoxels(0.8F, 0.4F);
    input.reference_XYZ.zero_();
    return input;
  };
  EXPECT_THROW(TuneThreshold(1, load), Error);
}

}  // namespace
}  // namespace sap::eval
