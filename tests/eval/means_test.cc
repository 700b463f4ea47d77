// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/means.h"

#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sap::eval {
namespace {

// Exams with (lesions, detected, false positives); the last has no large lesion.
LesionSummary ThreeExams() {
  LesionSummary summary;
  const std::vector<std::array<int64_t, 3>> exams = {{4, 1, 2}, {2, 2, 0}, {10, 5, 7}};
  for (const auto& [lesions, detected, fp] : exams) {
    CaseLesions one;
    one.all = {.lesions = lesions, .detected = detected, .false_positives = fp};
    one.large = {.lesions = lesions == 10 ? 0 : 1, .detected = lesions == 2 ? 1 : 0};
    summary.pooled_all += one.all;
    summary.pooled_large += one.large;
    summary.cases.push_back(one);
  }
  return summary;
}

TEST(Means, AreThreeDifferentNumbers) {
  const std::vector<MeanRow> rows = Means(ThreeExams(), {0, 0, 3});
  ASSERT_EQ(rows.size(), 8U);
  EXPECT_EQ(rows[0].metric, "sensitivity");
  EXPECT_DOUBLE_EQ(rows[0].pooled, 8.0 / 16);
  EXPECT_DOUBLE_EQ(rows[0].patient_mean, (0.25 + 1 + 0.5) / 3);
  EXPECT_DOUBLE_EQ(rows[0].fold_mean, ((0.25 + 1) / 2 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(rows[3].pooled, 3.0);
  EXPECT_DOUBLE_EQ(rows[3].patient_mean, 3.0);
  EXPECT_DOUBLE_EQ(rows[3].fold_mean, (1.0 + 7.0) / 2);
}

TEST(Means, LeaveOutPatientsAndFoldsWithoutAValue) {
  const std::vector<MeanRow> rows = Means(ThreeExams(), {0, 0, 3});
  EXPECT_EQ(rows[4].lesions, "large");
  EXPECT_DOUBLE_EQ(rows[4].pooled, 0.5);
  EXPECT_EQ(rows[4].num_patients, 2);
  EXPECT_EQ(rows[4].num_folds, 1);
  EXPECT_DOUBLE_EQ(rows[4].fold_mean, 0.5);
  EXPECT_EQ(rows[7].num_patients, 3);  // false positives count in every exam
}

TEST(Means, HaveNoFoldMeanWithoutFolds) {
  const std::vector<MeanRow> rows = Means(ThreeExams(), {});
  EXPECT_TRUE(std::isnan(rows[0].fold_mean));
  EXPECT_TRUE(MeansJson(rows).at("all").at("f2").at("fold_mean").is_null());
  EXPECT_THAT(MeansMarkdown({"sap"}, {rows}), ::testing::HasSubstr("0.583"));
}

}  // namespace
}  // namespace sap::eval
