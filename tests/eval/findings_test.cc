// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/findings.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/tables.h"

namespace sap::eval {
namespace {

using ::testing::ElementsAre;

TEST(ChooseTargets, TakesTheLongestFirstAndOnlyMeasurableOnes) {
  const std::vector<double> longest_mm = {10.0, 9.99, 30.0, 12.0, 30.0, NAN};
  EXPECT_THAT(ChooseTargets(longest_mm, {.target_min_mm = 10, .max_targets = 5}),
              ElementsAre(true, false, true, true, true, false));
  EXPECT_THAT(ChooseTargets(longest_mm, {.target_min_mm = 10, .max_targets = 1}),
              ElementsAre(false, false, true, false, false, false));
  EXPECT_THAT(ChooseTargets(longest_mm, {.target_min_mm = 10, .max_targets = 0}),
              ElementsAre(false, false, false, false, false, false));
}

LesionDetails Details(double longest_mm, double adc_um2_per_s) {
  return {.region = "pelvis",
          .shape = {.longest_mm = longest_mm, .axial_mm = longest_mm / 2},
          .adc_um2_per_s = adc_um2_per_s};
}

LesionSummary Example() {
  CaseLesions one{.id = "ill"};
  one.match.lesions = {
      {.component = {.label = 1, .num_vox = 100}, .volume_ml = 0.5},
      {.component = {.label = 2, .num_vox = 2}, .volume_ml = 0.01, .ignored = true}};
  one.lesion_details = {Details(12, 800), Details(1, 100)};
  one.match.candidates = {
      {.component = {.label = 1, .num_vox = 300}, .volume_ml = 1.5, .score = 0.9},
      {.component = {.label = 3, .num_vox = 100}, .volume_ml = 0.5, .score = 0.6},
      {.component = {.label = 4, .num_vox = 50}, .volume_ml = 0.25, .score = 0.5}};
  one.candidate_details = {Details(20, 1000), Details(11, 600), Details(4, NAN)};
  return {.cases = {one, {.id = "healthy"}}};
}

TEST(ListFindings, SumsVolumesTargetsAndAdcOfEachExam) {
  const auto exams = ListFindings(FindingSource::kPrediction, "sap", Example(), {});
  ASSERT_EQ(exams.size(), 2U);
  EXPECT_DOUBLE_EQ(exams[0].TotalMl(), 2.25);
  EXPECT_EQ(exams[0].NumTargets(), 2);
  EXPECT_DOUBLE_EQ(exams[0].TargetSumMm(), 31.0);
  EXPECT_DOUBLE_EQ(exams[0].AdcMeanUm2PerS(), (300.0 * 1000 + 100.0 * 600) / 400);
  EXPECT_EQ(exams[1].TotalMl(), 0.0);
  EXPECT_TRUE(std::isnan(exams[1].AdcMeanUm2PerS()));
  const auto rows = ParseCsv(FindingsCsv(exams));
  ASSERT_EQ(rows.size(), 4U);
  // The number is that of candidates.csv, not the label of the map.
  EXPECT_THAT(
      rows[2],
      ElementsAre(
          "prediction", "sap", "ill", "2", "pelvis", "11", "5.5", "0.5", "600", "0.6", "", "1"));
  EXPECT_EQ(ParseCsv(BurdenCsv(exams))[2][3], "0");
}

TEST(ListFindings, LeavesIgnoredReferenceLesionsOut) {
  const auto exams = ListFindings(FindingSource::kReference, "", Example(), {});
  ASSERT_EQ(exams[0].findings.size(), 1U);
  EXPECT_DOUBLE_EQ(exams[0].TotalMl(), 0.5);
  EXPECT_EQ(ParseCsv(FindingsCsv(exams))[1][0], "reference");
  EXPECT_EQ(ParseCsv(FindingsCsv(exams))[1][9], "");
}

}  // namespace
}  // namespace sap::eval
