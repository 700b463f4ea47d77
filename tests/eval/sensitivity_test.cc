// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/sensitivity.h"

#include <cmath>
#include <functional>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/rng.h"
#include "sap/core/tables.h"
#include "sap/eval/means.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;

// Blobs that split, merge and touch at corners, some over large_ml.
CaseInput RandomCase(uint64_t seed) {
  Rng rng({.seed = seed});
  Tensor noise = at::empty({1, 1, 24, 20, 16});
  float* values = noise.data_ptr<float>();
  for (int64_t i = 0; i < noise.numel(); ++i) values[i] = static_cast<float>(rng.Uniform());
  const Tensor smooth = at::avg_pool3d(noise, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, false, false);
  const Tensor scaled = ((smooth - smooth.min()) / (smooth.max() - smooth.min()))[0][0];
  return {.id = fmt::format("case_{}", seed),
          .reference_XYZ = scaled.roll({1, 1, 0}, {0, 1, 2}) > 0.66,
          .probability_XYZ = scaled,
          .spacing_mm = {3, 3, 4}};
}

constexpr std::size_t kCases = 4;
constexpr double kThreshold = 0.62;
const MatchOptions kChosen{.large_ml = 0.3};

LesionSummary RunWith(const MatchOptions& options, const CaseVisitor& visit = nullptr) {
  const auto load = [](std::size_t i) { return RandomCase(i); };
  return EvaluateLesions(kCases, load, kThreshold, options, visit);
}

std::vector<SensitivityRow> RowsOf(const MatchOptions& options, const FrocOptions& froc = {}) {
  SensitivityStudy study(kThreshold, options);
  return study.Rows(RunWith(options, std::bind_front(&SensitivityStudy::Add, &study)), froc);
}

const SensitivityRow& Find(const std::vector<SensitivityRow>& rows,
                           const std::string& choice,
                           const std::string& value) {
  for (const SensitivityRow& row : rows) {
    if (row.choice == choice && row.value == value) return row;
  }
  throw std::runtime_error(choice + " " + value);
}

void ExpectSame(const std::vector<double>& a, const std::vector<double>& b, bool with_area) {
  for (std::size_t i = 0; i + (with_area ? 0 : 1) < a.size(); ++i) {
    SCOPED_TRACE(HeadlineNames()[i]);
    if (std::isnan(b[i])) {
      EXPECT_TRUE(std::isnan(a[i]));
    } else {
      EXPECT_NEAR(a[i], b[i], 1e-12);
    }
  }
}

TEST(SensitivityStudy, EveryRowOfARuleEqualsARunWithThatRule) {
  const std::vector<SensitivityRow> rows = RowsOf(kChosen);
  struct Case {
    const char* choice;
    const char* value;
    bool with_area;
    std::function<void(MatchOptions&)> change;
  };
  const std::vector<Case> cases = {
      {"connectivity", "18", true, [](auto& o) { o.connectivity = 18; }},
      {"connectivity", "26", true, [](auto& o) { o.connectivity = 26; }},
      {"tp_count", "candidate", true, [](auto& o) { o.ratios.tp_count = TpCount::kCandidate; }},
      {"extra_hit",
       "false_positive",
       false,
       [](auto& o) { o.extra_hit = ExtraHit::kFalsePositive; }},
      {"large_fp",
       "large_gt",
       true,
       [](auto& o) { o.large_fp = LargeFalsePositive::kLargeLesion; }},
      {"large_candidate",
       "same_volume",
       true,
       [](auto& o) { o.large_candidate = LargeCandidate::kSameVolume; }},
      {"lesion_pair", "best", true, [](auto& o) { o.lesion_pair = LesionPair::kBest; }},
      {"lesion_pair", "voronoi", true, [](auto& o) { o.lesion_pair = LesionPair::kVoronoi; }},
      {"lesion_pair", "group", true, [](auto& o) { o.lesion_pair = LesionPair::kGroup; }},
      {"nsd", "border 2 mm", true, [](auto& o) { o.nsd = NsdSurface::kBorder; }},
      {"nsd", "surfel 1 mm", true, [](auto& o) { o.nsd_tolerances_mm = {1.0}; }},
      {"nsd", "surfel 1 voxel", true, [](auto& o) { o.nsd_tolerances_mm = {4.0}; }},
      {"matching", "iou", false, [](auto& o) { o.matching = Matching::kIou; }}};
  int different = 0;
  for (const Case& one : cases) {
    SCOPED_TRACE(std::string(one.choice) + " " + one.value);
    MatchOptions options = kChosen;
    one.change(options);
    const std::vector<double>& numbers = Find(rows, one.choice, one.value).numbers;
    ExpectSame(numbers, RowsOf(options)[0].numbers, one.with_area);
    different += numbers != rows[0].numbers ? 1 : 0;
  }
  EXPECT_GE(different, 10);  // the cases are such that the rules matter
}

TEST(SensitivityStudy, HeadlineIsTableOneWithMeansForLargeLesions) {
  const LesionSummary summary = RunWith(kChosen);
  const Comparison comparison = CompareMethods({"a"}, {summary});
  const std::vector<double> numbers = RowsOf(kChosen)[0].numbers;
  for (const MetricComparison& row : comparison.metrics) {
    const auto& names = HeadlineNames();
    const auto at = std::find(names.begin(), names.end(), row.metric.name);
    if (at == names.end()) continue;
    const Distribution& d = row.methods[0].distribution;
    EXPECT_DOUBLE_EQ(numbers[static_cast<std::size_t>(at - names.begin())],
                     row.metric.name.starts_with("large_") ? d.mean : d.median)
        << row.metric.name;
  }
  EXPECT_DOUBLE_EQ(numbers.back(), FrocArea(CurvesOf("a", summary, {}).all, 15));
}

TEST(SensitivityStudy, CurvesAndMeansAreRecomputed) {
  const LesionSummary summary = RunWith(kChosen);
  const std::vector<SensitivityRow> rows = RowsOf(kChosen);
  const auto area = [](const SensitivityRow& row) { return row.numbers.back(); };
  const FrocOptions candidate{.method = FrocMethod::kCandidate};
  EXPECT_DOUBLE_EQ(area(Find(rows, "froc", "candidate")),
                   FrocArea(CurvesOf("a", summary, candidate).all, 15));
  EXPECT_DOUBLE_EQ(area(Find(rows, "froc_end", "stop")),
                   FrocArea(CurvesOf("a", summary, {}).all, 15, CurveEnd::kStop));
  EXPECT_DOUBLE_EQ(Find(rows, "summary", "pooled").numbers[0], summary.pooled_all.Sensitivity());
  EXPECT_DOUBLE_EQ(Find(rows, "summary", "mean of exams").numbers[3],
                   static_cast<double>(summary.pooled_all.false_positives) / kCases);
  SensitivityStudy study(kThreshold, kChosen);
  RunWith(kChosen, std::bind_front(&SensitivityStudy::Add, &study));
  const std::vector<SensitivityRow> with_folds = study.Rows(summary, {}, {0, 1, 1, 1});
  const std::vector<MeanRow> means = Means(summary, {0, 1, 1, 1});
  EXPECT_DOUBLE_EQ(Find(with_folds, "summary", "mean of folds").numbers[0], means[0].fold_mean);
}

TEST(SensitivityStudy, AveragingOverPatientsWeighsEachPatientAlike) {
  // One patient with one lesion, found; one with three, of which one is found; no false positive.
  const auto load = [](std::size_t i) {
    CaseInput input{.id = fmt::format("case_{}", i),
                    .reference_XYZ = at::zeros({12, 6, 6}, at::kByte),
                    .probability_XYZ = at::zeros({12, 6, 6})};
    for (int64_t x = 1; x < (i == 0 ? 2 : 12); x += 4) input.reference_XYZ[x][2][2] = 1;
    input.probability_XYZ[1][2][2] = 0.9F;
    return input;
  };
  SensitivityStudy study(0.5, {});
  const auto visit = std::bind_front(&SensitivityStudy::Add, &study);
  const LesionSummary summary = EvaluateLesions(2, load, 0.5, {}, visit);
  for (const FrocMethod method : {FrocMethod::kSweep, FrocMethod::kCandidate}) {
    const std::vector<SensitivityRow> rows = study.Rows(summary, {.method = method});
    EXPECT_DOUBLE_EQ(rows[0].numbers.back(), 15 * 2.0 / 4);
    EXPECT_DOUBLE_EQ(Find(rows, "froc_average", "per_patient").numbers.back(),
                     15 * (1 + 1.0 / 3) / 2);
  }
}

TEST(StatisticRows, AreTheOtherIntervalsAndTests) {
  MatchOptions strict = kChosen;
  strict.min_candidate_ml = 0.1;
  const std::vector<LesionSummary> summaries = {RunWith(kChosen), RunWith(strict)};
  const Comparison chosen = CompareMethods({"a", "b"}, summaries);
  CompareOptions other{.wilcoxon = WilcoxonRule::kAutoOld};
  const Comparison old = CompareMethods({"a", "b"}, summaries, other);
  int rows = 0;
  for (const StatisticRow& row : StatisticRows(summaries, chosen)) {
    if (row.id == "A16") {
      EXPECT_NEAR(row.alternative, std::min(1.0, 10 * row.chosen), 1e-12);
    }
    if (row.number == "fp_per_exam adjusted p" && row.id == "A17") {
      EXPECT_DOUBLE_EQ(row.alternative, old.metrics[2].tests[0].adjusted_p);
      ++rows;
    }
    if (row.number == "f2 interval low" && row.value == "exact" && row.of == "b") {
      EXPECT_DOUBLE_EQ(row.alternative, chosen.metrics[3].methods[1].exact.low);
      ++rows;
    }
    if (row.number == "dice interval high" && row.value == "patient") {
      EXPECT_NE(row.alternative, row.chosen);
      ++rows;
    }
  }
  EXPECT_EQ(rows, 4);
}

TEST(SensitivityTables, ShowValueAndDifference) {
  const std::vector<MethodSensitivity> methods = {
      {"sap",
       {{"-", "chosen rules", "", {0.5, 0.4, 0.3, 2, 1, 0, 0.6, 0.7, 5}},
        {"A1", "connectivity", "26", {0.5, 0.45, 0.3, 1, 1, 0, 0.6, NAN, 5}}}}};
  const auto rows = ParseCsv(
      SensitivityCsv(methods, {{"A17", "wilcoxon", "auto", "a / b", "f2 adjusted p", 0.04, 0.06}}));
  ASSERT_EQ(rows.size(), 1 + 2 * HeadlineNames().size() + 1);
  EXPECT_EQ(
      rows[13],
      (std::vector<std::string>{"A1", "connectivity", "26", "sap", "fp_per_exam", "1", "2", "-1"}));
  const ReportSection section = SensitivitySection(methods);
  EXPECT_THAT(section.markdown, HasSubstr("0.450 (+0.050)"));
  EXPECT_THAT(section.markdown, HasSubstr("1.000 (-1.000)"));
  const ReportSection statistics =
      StatisticsSection({{"A17", "wilcoxon", "auto", "a / b", "f2 adjusted p", 0.04, 0.06}});
  EXPECT_THAT(statistics.markdown, HasSubstr("(* to n.s.)"));
}

}  // namespace
}  // namespace sap::eval
