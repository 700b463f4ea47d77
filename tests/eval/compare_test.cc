// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/compare.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "eval/method_summary.h"
#include "sap/core/error.h"
#include "sap/core/tables.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;

LesionSummary Method(const std::vector<int>& hits, const std::vector<int>& fps) {
  return testing::MethodSummary(hits, fps);
}

const MetricComparison& Row(const Comparison& comparison, const std::string& name) {
  for (const MetricComparison& row : comparison.metrics) {
    if (row.metric.name == name) return row;
  }
  throw std::runtime_error(name);
}

TEST(CompareMethods, TestsExamsInPairsAndLesionsUnpaired) {
  const Comparison c = CompareMethods({"a", "b", "c"},
                                      {Method({0, 1, 1, 2, 2}, {1, 2, 0, 0, 1}),
                                       Method({1, 2, 2, 2, 2}, {3, 3, 3, 3, 4}),
                                       Method({2, 2, 2, 2, 2}, {0, 0, 0, 0, 0})});
  const MetricComparison& sensitivity = Row(c, "sensitivity");
  ASSERT_EQ(sensitivity.tests.size(), 3U);
  // Differences a - b: three of -0.5 and two of zero.
  EXPECT_EQ(sensitivity.tests[0].test.n_zero, 2);
  EXPECT_DOUBLE_EQ(sensitivity.tests[0].test.p, 0.25);
  EXPECT_DOUBLE_EQ(sensitivity.tests[0].adjusted_p, 0.75);
  EXPECT_EQ(sensitivity.methods[0].distribution.median, 0.5);
  const MetricComparison& dice = Row(c, "dice");
  EXPECT_EQ(dice.tests[0].name, "mann_whitney");
  EXPECT_EQ(dice.tests[0].n_first, 6);
  EXPECT_EQ(dice.tests[0].n_second, 9);
  EXPECT_EQ(dice.methods[0].distribution.n_excluded, 1);  // the exam without a detected lesion
}

TEST(CompareMethods, LesionsAreDrawnAloneOrByPatient) {
  // Both lesions of a patient have one Dice, and patients differ: drawing patients is as drawing
  // 9 values, drawing lesions as drawing 18, which says too much.
  LesionSummary summary = Method(std::vector<int>(9, 2), std::vector<int>(9, 0));
  std::vector<double> of_patients;
  for (int i = 0; i < 9; ++i) {
    for (ReferenceLesion& lesion : summary.cases[static_cast<std::size_t>(i)].match.lesions) {
      lesion.overlap_vox = 1;
      lesion.candidates_vox = 2 + i;
    }
    of_patients.push_back(summary.cases[static_cast<std::size_t>(i)].match.lesions[0].PairDice());
  }
  CompareOptions options{.bootstrap_resamples = 20000,
                         .lesion_bootstrap = LesionBootstrap::kPatient};
  const MethodValues whole = Row(CompareMethods({"a"}, {summary}, options), "dice").methods[0];
  EXPECT_TRUE(std::isnan(whole.exact.low));
  EXPECT_EQ(whole.bootstrap.low, ExactMedianInterval(of_patients).low);
  EXPECT_EQ(whole.bootstrap.high, ExactMedianInterval(of_patients).high);
  options.lesion_bootstrap = LesionBootstrap::kLesion;
  const MethodValues alone = Row(CompareMethods({"a"}, {summary}, options), "dice").methods[0];
  EXPECT_EQ(alone.exact.low, ExactMedianInterval(summary.DetectedDice()).low);
  EXPECT_EQ(alone.bootstrap.low, alone.exact.low);
  EXPECT_LT(alone.bootstrap.high - alone.bootstrap.low, whole.bootstrap.high - whole.bootstrap.low);
}

TEST(CompareMethods, AskedNumberOfTestsScalesP) {
  const Comparison c = CompareMethods({"a", "b"},
                                      {Method({0, 1, 1}, {0, 0, 0}), Method({1, 2, 2}, {0, 0, 0})},
                                      {.bonferroni_tests = 3});
  EXPECT_DOUBLE_EQ(Row(c, "sensitivity").tests[0].test.p, 0.25);
  EXPECT_DOUBLE_EQ(Row(c, "sensitivity").tests[0].adjusted_p, 0.75);
}

TEST(CompareMethods, RefusesOtherExams) {
  EXPECT_THROW(CompareMethods({"a", "b"}, {Method({1, 1}, {0, 0}), Method({1}, {0})}), Error);
}

TEST(Table1, HasEveryNumberInCsvAndEscapesLatex) {
  const Comparison c = CompareMethods({"my_model"}, {Method({1, 2, 2}, {0, 1, 0})});
  const auto rows = ParseCsv(Table1(c, TableFormat::kCsv));
  EXPECT_EQ(rows.size(), 1 + Table1Metrics().size());
  EXPECT_EQ(rows[1][6], "1");  // median sensitivity of 0.5, 1, 1
  EXPECT_THAT(Table1(c, TableFormat::kLatex), HasSubstr("my\\_model"));
  EXPECT_THAT(Table1(c, TableFormat::kMarkdown), HasSubstr("1.000 ["));
}

}  // namespace
}  // namespace sap::eval
