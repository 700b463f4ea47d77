// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/detection.h"

#include <cmath>
#include <fstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"
#include "sap/eval/report.h"
#include "sap/eval/report_compare.h"
#include "sap/eval/threshold.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;

CaseInput GoldenCase(const std::filesystem::path& json_path,
                     const std::string& name,
                     const nlohmann::json& entry) {
  const auto tensors = json_path.parent_path() / "components.safetensors";
  const auto spacing = entry.at("spacing").get<std::vector<double>>();
  const Tensor code = sap::testing::GoldenTensor(tensors, name + ".code").to(at::kDouble);
  return {.id = name,
          .reference_XYZ = sap::testing::GoldenTensor(tensors, name + ".ref"),
          .probability_XYZ = ((code + 0.5) / 200.5).to(at::kFloat),
          .spacing_mm = {spacing[0], spacing[1], spacing[2]}};
}

void ExpectRatio(double actual, const nlohmann::json& expected) {
  if (expected.is_null()) {
    EXPECT_TRUE(std::isnan(actual));
  } else {
    EXPECT_NEAR(actual, expected.get<double>(), 1e-12);
  }
}

void ExpectSorted(std::vector<double> actual, const nlohmann::json& expected) {
  std::sort(actual.begin(), actual.end());
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) ExpectRatio(actual[i], expected[i]);
}

void ExpectGolden(const CaseLesions& result, const nlohmann::json& golden) {
  EXPECT_EQ(std::ssize(result.match.lesions), golden.at("n_ref"));
  EXPECT_EQ(std::ssize(result.match.candidates), golden.at("n_cand"));
  EXPECT_EQ(result.all.detected, golden.at("TP"));
  EXPECT_EQ(result.all.missed(), golden.at("FN"));
  EXPECT_EQ(result.all.false_positives, golden.at("FP"));
  ExpectRatio(result.all.Sensitivity(), golden.at("sensitivity"));
  ExpectRatio(result.all.Precision(), golden.at("precision"));
  ExpectRatio(result.all.F2(), golden.at("F2"));
  const auto& by_candidate = golden.at("tp_count_candidate");
  EXPECT_EQ(result.all.matched_candidates, by_candidate.at("matched_candidates"));
  // Without lesions F2 is NaN here whatever counts as true positive; the reference says 0.
  if (result.all.lesions > 0) {
    ExpectRatio(result.all.CandidatePrecision(), by_candidate.at("precision"));
    ExpectRatio(result.all.CandidateF2(), by_candidate.at("F2"));
  }
  EXPECT_EQ(result.large.lesions, golden.at("ge_1ml").at("n_ref"));
  EXPECT_EQ(result.large.detected, golden.at("ge_1ml").at("TP"));
  EXPECT_EQ(result.large.false_positives, golden.at("ge_1ml").at("FP_any_gt"));
  ExpectRatio(result.mean_dice, golden.at("patient_mean_dice"));
  ExpectRatio(result.mean_dice_penalised, golden.at("patient_mean_dice_penalise_fp"));
  ExpectRatio(result.voxels.Dice(), golden.at("global_dice"));
  LesionSummary alone{.cases = {result}};
  ExpectSorted(alone.DetectedDice(), golden.at("dice_detected_sorted"));
  std::vector<double> volumes_ml;
  for (const auto& lesion : result.match.lesions) volumes_ml.push_back(lesion.volume_ml);
  ExpectSorted(volumes_ml, golden.at("ref_volumes_ml_sorted"));
  for (const MatchGroup group :
       {MatchGroup::kOneToOne, MatchGroup::kSplit, MatchGroup::kMerge, MatchGroup::kManyToMany}) {
    EXPECT_EQ(std::count(result.match.groups.begin(), result.match.groups.end(), group),
              golden.at("groups").at(EnumName(group)));
  }
}

TEST(EvaluateCase, EqualsTheIndependentMatchingOfTheReferenceData) {
  SAP_REQUIRE_SHARED(path, "golden/components.json");
  const auto golden = nlohmann::json::parse(std::ifstream(path));
  int compared = 0;
  for (const auto& [name, entry] : golden.at("matching").items()) {
    const CaseInput input = GoldenCase(path, name, entry);
    for (const auto& row : entry.at("by_threshold")) {
      SCOPED_TRACE(name + " " + row.at("threshold").dump() + " " + row.at("connectivity").dump());
      MatchOptions options{.connectivity = row.at("connectivity")};
      ExpectGolden(EvaluateCase(input, row.at("threshold"), options), row);
      options.large_fp = LargeFalsePositive::kLargeLesion;
      EXPECT_EQ(EvaluateCase(input, row.at("threshold"), options).large.false_positives,
                row.at("ge_1ml").at("FP_large_gt"));
      ++compared;
    }
  }
  EXPECT_EQ(compared, 6 * 2 * 4);
}

TEST(DetectionCounts, RatiosFollowTheTableOfEdgeCases) {
  const DetectionCounts usual{
      .lesions = 7, .detected = 5, .candidates = 9, .matched_candidates = 6, .false_positives = 3};
  EXPECT_DOUBLE_EQ(usual.Sensitivity(), 5.0 / 7);
  EXPECT_DOUBLE_EQ(usual.Precision(), 5.0 / 8);
  EXPECT_DOUBLE_EQ(usual.F2(), 25.0 / (25 + 8 + 3));
  EXPECT_DOUBLE_EQ(usual.CandidatePrecision(), 6.0 / 9);
  const DetectionCounts no_candidate{.lesions = 3};
  EXPECT_EQ(no_candidate.Sensitivity(), 0.0);
  EXPECT_EQ(no_candidate.Precision(), 0.0);
  EXPECT_EQ(no_candidate.F2(), 0.0);
  const DetectionCounts no_lesion{.candidates = 2, .false_positives = 2};
  EXPECT_TRUE(std::isnan(no_lesion.Sensitivity()));
  EXPECT_EQ(no_lesion.Precision(), 0.0);
  EXPECT_TRUE(std::isnan(no_lesion.F2()));
  const DetectionCounts nothing;
  EXPECT_TRUE(std::isnan(nothing.Sensitivity()));
  EXPECT_TRUE(std::isnan(nothing.Precision()));
  EXPECT_TRUE(std::isnan(nothing.F2()));
}

TEST(Summarize, CountsWhatItLeavesOut) {
  const Distribution d = Summarize({0.8, NAN, 0.1, 0.2, 0.4});
  EXPECT_EQ(d.n, 4);
  EXPECT_EQ(d.n_excluded, 1);
  EXPECT_DOUBLE_EQ(d.q25, 0.175);
  EXPECT_DOUBLE_EQ(d.median, 0.3);
  EXPECT_DOUBLE_EQ(d.q75, 0.5);
  EXPECT_DOUBLE_EQ(d.mean, 0.375);
  EXPECT_TRUE(std::isnan(Summarize({NAN}).median));
}

TEST(EvaluateLesions, PoolsCountsOverExams) {
  const auto load = [](std::size_t i) {
    CaseInput input{.id = i == 0 ? "a" : "b",
                    .reference_XYZ = at::zeros({6, 6, 6}, at::kByte),
                    .probability_XYZ = at::zeros({6, 6, 6})};
    input.reference_XYZ[1][1][1] = 1;
    if (i == 0) input.probability_XYZ[1][1][1] = 0.5F;  // p >= t counts at equality
    if (i == 1) input.probability_XYZ[4][4][4] = 0.9F;
    return input;
  };
  const LesionSummary summary = EvaluateLesions(2, load, 0.5);
  EXPECT_EQ(summary.pooled_all, (DetectionCounts{2, 1, 2, 1, 1}));
  EXPECT_EQ(summary.DetectedDice(), std::vector<double>{1.0});
  EXPECT_EQ(summary.cases[1].voxels.Dice(), 0.0);
}

std::string MessageOf(const CaseInput& input) {
  try {
    EvaluateCase(input, 0.5, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(EvaluateCase, RefusesWhatIsNoProbabilityMapOfTheCase) {
  CaseInput input{.id = "case_7",
                  .reference_XYZ = at::zeros({6, 6, 6}, at::kByte),
                  .probability_XYZ = at::zeros({6, 6, 6})};
  EXPECT_EQ(MessageOf(input), "");
  input.probability_XYZ[0][0][0] = 1.5F;
  EXPECT_THAT(MessageOf(input), HasSubstr("case_7: probabilities run from 0 to 1.5"));
  input.probability_XYZ[0][0][0] = NAN;
  EXPECT_THAT(MessageOf(input), HasSubstr("case_7: the probability map holds NaN"));
  input.probability_XYZ = at::zeros({6, 6, 5});
  EXPECT_THAT(MessageOf(input), HasSubstr("[6, 6, 6] voxels, the prediction"));
}

TEST(EvaluateCase, AnEmptyReferenceCountsOnlyFalsePositives) {
  CaseInput input{.id = "healthy",
                  .reference_XYZ = at::zeros({6, 6, 6}, at::kByte),
                  .probability_XYZ = at::zeros({6, 6, 6})};
  input.probability_XYZ[2][2][2] = 1.0F;
  const CaseLesions result = EvaluateCase(input, 0.5, {});
  EXPECT_EQ(result.all, (DetectionCounts{0, 0, 1, 0, 1}));
  EXPECT_TRUE(std::isnan(result.mean_dice));
  EXPECT_EQ(result.voxels.Dice(), 0.0);
  input.probability_XYZ.zero_();
  EXPECT_TRUE(std::isnan(EvaluateCase(input, 0.5, {}).voxels.Dice()));
}

// Blobs that split, merge and miss; some volumes are larger than a thread's share.
CaseInput BlobCase(std::size_t number) {
  Rng rng({.seed = number});
  CaseInput input{.id = fmt::format("case_{}", number),
                  .reference_XYZ = at::zeros({60, 70, 80}, at::kShort),
                  .probability_XYZ = at::zeros({60, 70, 80}),
                  .spacing_mm = {2.5, 2.5, 3}};
  for (int blob = 0; blob < 40; ++blob) {
    const XyzInt at{rng.UniformInt(0, 50), rng.UniformInt(0, 60), rng.UniformInt(0, 70)};
    const int64_t edge = rng.UniformInt(2, 9);
    const auto paint = [&](const Tensor& map, int64_t shift, double value) {
      map.slice(0, at.x, at.x + edge)
          .slice(1, at.y + shift, at.y + shift + edge)
          .slice(2, at.z, at.z + edge)
          .fill_(value);
    };
    if (blob % 3 != 0) paint(input.reference_XYZ, 0, 1 + blob);
    if (blob % 4 != 0) paint(input.probability_XYZ, 1, rng.Uniform(0.2, 1.0));
  }
  return input;
}

std::string AllTables(int threads) {
  SetNumThreads(threads);
  const LesionSummary summary = EvaluateLesions(3, BlobCase, 0.5, {.connectivity = 18});
  std::string text = CasesCsv(summary) + LesionsCsv(summary) + CandidatesCsv(summary);
  const std::vector<MethodCurves> curves = {CurvesOf("m", summary, {.band_resamples = 200}, 5)};
  text += FrocCsv(curves) + VolumeCurveCsv(curves) + CurvesJson(curves[0], {}).dump();
  return text + Table1(CompareMethods({"m"}, {summary}), TableFormat::kCsv);
}

TEST(EvaluateLesions, WritesTheSameBytesWithAnyNumberOfThreads) {
  const std::string alone = AllTables(1);
  EXPECT_GT(std::count(alone.begin(), alone.end(), '\n'), 100);
  EXPECT_EQ(AllTables(2), alone);
  EXPECT_EQ(AllTables(5), alone);
  SetNumThreads(0);
}

TEST(EvaluateLesions, AFaultOfALaterCaseStopsIt) {
  const auto load = [](std::size_t i) {
    if (i == 2) Fail(ErrorKind::kInput, "case_2: damaged");
    return BlobCase(i);
  };
  EXPECT_THROW(EvaluateLesions(4, load, 0.5), Error);
}

TEST(CountOverlap, EqualsACountVoxelByVoxelForMasksAndLabelMaps) {
  const CaseInput input = BlobCase(7);
  const Tensor predicted = input.probability_XYZ >= 0.5;
  const Tensor reference = input.reference_XYZ;
  const auto count = [](const Tensor& mask) { return mask.sum().item<int64_t>(); };
  const OverlapCounts of_labels = CountOverlap(reference, predicted);
  EXPECT_EQ(of_labels.both, count((reference != 0).logical_and(predicted)));
  EXPECT_EQ(of_labels.only_reference, count((reference != 0).logical_and(predicted.logical_not())));
  EXPECT_EQ(of_labels.only_predicted, count((reference == 0).logical_and(predicted)));
  EXPECT_EQ(of_labels.neither, count((reference == 0).logical_and(predicted.logical_not())));
  EXPECT_EQ(CountOverlap(reference != 0, predicted).both, of_labels.both);
  EXPECT_EQ(CountOverlap(reference.to(at::kInt), predicted).only_reference,
            of_labels.only_reference);
}

}  // namespace
}  // namespace sap::eval
