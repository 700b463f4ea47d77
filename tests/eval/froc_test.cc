// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/froc.h"

#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using nlohmann::json;
constexpr double kMissed = -std::numeric_limits<double>::infinity();

TEST(FrocFromScores, EntersTiesTogether) {
  // Two exams; one lesion of four is missed.
  const FrocCurve curve = FrocFromScores({0.9, 0.9, 0.6, kMissed}, {0.9, 0.7, 0.6, 0.6}, 2);
  ASSERT_EQ(curve.points.size(), 4U);
  const std::vector<std::pair<double, double>> expected = {{0, 0}, {0.5, 0.5}, {1, 0.5}, {2, 0.75}};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(curve.points[i].fp_per_exam, expected[i].first);
    EXPECT_EQ(curve.points[i].sensitivity, expected[i].second);
  }
  EXPECT_DOUBLE_EQ(FrocArea(curve, 15), 10.75);
  EXPECT_DOUBLE_EQ(FrocArea(curve, 15, CurveEnd::kStop), 1.0);
  EXPECT_DOUBLE_EQ(SensitivityAt(curve, 0.25), 0.25);
  EXPECT_DOUBLE_EQ(SensitivityAt(curve, 1.5), 0.625);
  EXPECT_DOUBLE_EQ(SensitivityAt(curve, 9), 0.75);
}

// Counts of one exam with one lesion at three thresholds.
std::vector<ThresholdCounts> Exam(const std::vector<std::pair<int64_t, int64_t>>& tp_fp) {
  std::vector<ThresholdCounts> rows;
  for (std::size_t t = 0; t < tp_fp.size(); ++t) {
    const DetectionCounts counts{
        .lesions = 4, .detected = tp_fp[t].first, .false_positives = tp_fp[t].second};
    rows.push_back({0.1 * static_cast<double>(t + 1), counts, counts});
  }
  return rows;
}

TEST(SweepFroc, AMergedBlobDoesNotRaiseTheCurve) {
  // Falling threshold: (1, 1), (2, 3), then all merges to one blob on every lesion (4, 0).
  const FrocCurve curve = SweepFroc({Exam({{4, 0}, {2, 3}, {1, 1}})}, LesionSize::kAll, 15);
  EXPECT_DOUBLE_EQ(curve.points.back().sensitivity, 0.5);
  EXPECT_DOUBLE_EQ(curve.cut_threshold, 0.2);
  EXPECT_DOUBLE_EQ(FrocArea(curve, 3, CurveEnd::kStop), 0.5 * 0.25 + 2 * 0.375);
}

TEST(SweepFroc, LeavesOutFewerFalsePositivesThanBefore) {
  const FrocCurve curve = SweepFroc({Exam({{4, 5}, {3, 2}, {2, 1}, {1, 2}})}, LesionSize::kAll, 15);
  ASSERT_EQ(curve.points.size(), 3U);
  EXPECT_EQ(curve.points[1].sensitivity, 0.75);  // the larger one at two false positives
  EXPECT_EQ(curve.points[2].fp_per_exam, 5.0);
}

TEST(SweepFroc, WithoutFalsePositivesIsAVerticalStep) {
  const FrocCurve curve = SweepFroc({Exam({{4, 0}, {3, 0}, {0, 0}})}, LesionSize::kAll, 15);
  EXPECT_DOUBLE_EQ(FrocArea(curve, 15), 15.0);
}

TEST(SweepFroc, PerPatientGivesEachPatientTheSameWeight) {
  std::vector<ThresholdCounts> few = Exam({{1, 1}});
  few[0].all.lesions = 1;
  std::vector<ThresholdCounts> none = Exam({{0, 4}});
  none[0].all.lesions = 0;
  const std::vector<std::vector<ThresholdCounts>> cases = {Exam({{2, 1}}), few, none};
  const FrocCurve pooled = SweepFroc(cases, LesionSize::kAll, 15);
  const FrocCurve averaged = SweepFroc(cases, LesionSize::kAll, 15, FrocAverage::kPerPatient);
  EXPECT_DOUBLE_EQ(pooled.points.back().sensitivity, 3.0 / 5);
  EXPECT_DOUBLE_EQ(averaged.points.back().sensitivity, (0.5 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(averaged.points.back().fp_per_exam, 2.0);
}

TEST(FrocFromScores, PerPatientGivesEachPatientTheSameWeight) {
  const std::vector<ExamScores> exams = {
      {{0.9, 0.5, kMissed, kMissed}, {0.7}}, {{0.7}, {0.5, 0.4}}, {{}, {0.8}}};
  const FrocCurve curve = FrocFromScores(exams, FrocAverage::kPerPatient);
  // Falling scores: 0.9, 0.8, 0.7 (lesion and false positive together), 0.5, 0.4.
  const std::vector<double> expected = {0, 0.125, 0.125, 0.625, 0.75, 0.75};
  ASSERT_EQ(curve.points.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(curve.points[i].sensitivity, expected[i]) << i;
  }
  const FrocCurve pooled = FrocFromScores(exams, FrocAverage::kPooled);
  EXPECT_DOUBLE_EQ(pooled.points[3].sensitivity, 2.0 / 5);
  EXPECT_DOUBLE_EQ(pooled.points[3].fp_per_exam, 2.0 / 3);
}

// Of two exams a quarter of the resamples has one alone: the band's ends are their own curves.
TEST(ResampleFroc, OfTwoExamsRunsFromOneCurveToTheOther) {
  const std::vector<ExamScores> exams = {{{0.9, 0.2}, {0.5}}, {{0.3, kMissed}, {0.6}}};
  const auto curve_of = [&](const std::vector<int64_t>& chosen) {
    std::vector<ExamScores> some;
    for (const int64_t i : chosen) some.push_back(exams[static_cast<std::size_t>(i)]);
    return FrocFromScores(some, FrocAverage::kPooled);
  };
  FrocCurve curve = curve_of({0, 1});
  const FrocCurve first = curve_of({0, 0});
  const FrocCurve second = curve_of({1, 1});
  const FrocIntervals intervals =
      ResampleFroc(curve_of, 2.0, CurveEnd::kHold, {.resamples = 1000, .seed = 4}, curve);
  for (std::size_t i = 1; i < curve.points.size(); ++i) {
    const double fp = curve.points[i].fp_per_exam;
    EXPECT_DOUBLE_EQ(curve.points[i].band.low, SensitivityAt(second, fp)) << i;
    EXPECT_DOUBLE_EQ(curve.points[i].band.high, SensitivityAt(first, fp)) << i;
  }
  EXPECT_TRUE(std::isnan(curve.points[0].band.low));
  EXPECT_DOUBLE_EQ(intervals.area.low, FrocArea(second, 2.0));
  EXPECT_DOUBLE_EQ(intervals.area.high, FrocArea(first, 2.0));
  EXPECT_DOUBLE_EQ(intervals.at_reported_fp[6].high, 1.0);
  EXPECT_DOUBLE_EQ(intervals.mean_sensitivity.low, MeanSensitivity(second));
}

TEST(ResampleFroc, WithoutResamplesGivesNoBand) {
  FrocCurve curve = FrocFromScores({0.9}, {0.5}, 1);
  const FrocIntervals intervals = ResampleFroc({}, 2.0, CurveEnd::kHold, {.resamples = 0}, curve);
  EXPECT_TRUE(std::isnan(intervals.area.low));
  EXPECT_TRUE(std::isnan(curve.points[1].band.high));
}

TEST(AveragePrecision, OfARankingByHand) {
  // Scores: hit, miss, hit; one lesion is never found.
  EXPECT_DOUBLE_EQ(AveragePrecision({0.9, 0.5, kMissed}, {0.7}), 1.0 / 3 + 2.0 / 3 / 3);
  EXPECT_DOUBLE_EQ(Auroc({2, 1}, {1, 0}), 0.875);
}

TEST(VolumeCurve, CountsLesionsAndFalsePositivesOfAtLeastTheVolume) {
  CaseLesions one;
  for (const double ml : {0.5, 1.0, 4.0}) one.match.lesions.push_back({.volume_ml = ml});
  one.match.lesions[1].candidates = {0};
  one.match.candidates.push_back({.volume_ml = 2.0});
  one.match.candidates.push_back({.volume_ml = 1.5, .false_positive = true});
  const std::vector<VolumePoint> curve = VolumeCurve({one, CaseLesions{}}, {0.1, 1.0, 2.0, 9.0});
  EXPECT_DOUBLE_EQ(curve[0].sensitivity, 1.0 / 3);
  EXPECT_DOUBLE_EQ(curve[1].sensitivity, 0.5);
  EXPECT_DOUBLE_EQ(curve[1].fp_per_exam, 0.5);
  EXPECT_DOUBLE_EQ(curve[2].sensitivity, 0.0);
  EXPECT_DOUBLE_EQ(curve[2].fp_per_exam, 0.0);
  EXPECT_DOUBLE_EQ(curve[2].share_of_lesions, 1.0 / 3);
  EXPECT_TRUE(std::isnan(curve[3].sensitivity));
  const std::vector<double> grid_ml = VolumeGridMl();
  EXPECT_TRUE(std::binary_search(grid_ml.begin(), grid_ml.end(), 1.0));
}

void ExpectCurve(const FrocCurve& curve, const json& golden, const std::string& name) {
  if (golden.contains("n_lesions")) {
    EXPECT_EQ(curve.num_lesions, golden.at("n_lesions").get<int64_t>()) << name;
  } else {  // a sweep
    EXPECT_NEAR(curve.cut_threshold, golden.at("cut_at_t").get<double>(), 1e-12) << name;
  }
  const json& points = golden.at("points_x_s_t");
  ASSERT_EQ(curve.points.size(), points.size()) << name;
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_NEAR(curve.points[i].fp_per_exam, points[i][0].get<double>(), 1e-12) << name << i;
    EXPECT_NEAR(curve.points[i].sensitivity, points[i][1].get<double>(), 1e-12) << name << i;
    if (i == 0) continue;
    EXPECT_NEAR(curve.points[i].threshold, points[i][2].get<double>(), 1e-7) << name << i;
  }
  const double limit = golden.at("limit");
  EXPECT_NEAR(FrocArea(curve, limit), golden.at("auc_hold").get<double>(), 1e-12) << name;
  EXPECT_NEAR(FrocArea(curve, limit, CurveEnd::kStop), golden.at("auc_stop").get<double>(), 1e-12);
  EXPECT_NEAR(FrocArea(curve, 2), golden.at("auc_hold_limit_2").get<double>(), 1e-12) << name;
}

TEST(FrocGolden, BothConstructionsAgreeWithTheReference) {
  SAP_REQUIRE_SHARED(path, "golden/components.json");
  const json golden = testing::ReadGoldenJson(path);
  auto tensors = path;
  tensors.replace_extension("safetensors");
  for (const int connectivity : {6, 26}) {
    const json& curves = golden.at("froc").at("connectivity_" + std::to_string(connectivity));
    const MatchOptions options{.connectivity = connectivity};
    std::vector<std::vector<ThresholdCounts>> sweeps;
    std::map<std::string, std::vector<CaseLesions>> by_base;
    for (const auto& [name, entry] : golden.at("matching").items()) {
      if (name.find("_without_") != std::string::npos) continue;
      const auto& s = entry.at("spacing");
      const Tensor code = testing::GoldenTensor(tensors, name + ".code").to(at::kDouble);
      const CaseInput input{.id = name,
                            .reference_XYZ = testing::GoldenTensor(tensors, name + ".ref"),
                            .probability_XYZ = ((code + 0.5) / 200.5).to(at::kFloat),
                            .spacing_mm = {s[0], s[1], s[2]}};
      sweeps.push_back(SweepThresholds(input, DefaultThresholds(), options));
      by_base["0.1"].push_back(EvaluateCase(input, 0.1, options));
      by_base["0.3"].push_back(EvaluateCase(input, 0.3, options));
    }
    for (const auto& [base, cases] : by_base) {
      ExpectCurve(CandidateFroc(cases, LesionSize::kAll),
                  curves.at("candidate_t0_" + base + "_all"),
                  base + " all");
      ExpectCurve(CandidateFroc(cases, LesionSize::kLarge),
                  curves.at("candidate_t0_" + base + "_ge1ml"),
                  base + " large");
    }
    ExpectCurve(SweepFroc(sweeps, LesionSize::kAll, 15), curves.at("sweep_all"), "sweep");
    ExpectCurve(SweepFroc(sweeps, LesionSize::kLarge, 4), curves.at("sweep_ge1ml"), "sweep large");
  }
}

}  // namespace
}  // namespace sap::eval
