// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/agreement.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/tables.h"

namespace sap::eval {
namespace {

TEST(SetAgreement, CountsMembersThatReachTheThreshold) {
  std::vector<LesionDetails> candidates(2);
  // 0.7F is below 0.7, yet a float32 map of 0.7 reaches that threshold.
  SetAgreement({{0.9, 0.1}, {0.7F, 0.2}, {0.5, 0.3}}, 0.7, candidates);
  EXPECT_EQ(candidates[0].members_found, 2);
  EXPECT_EQ(candidates[0].num_members, 3);
  EXPECT_DOUBLE_EQ(candidates[0].Agreement(), 2.0 / 3);
  EXPECT_NEAR(candidates[0].score_sd, 0.2, 1e-7);
  EXPECT_EQ(candidates[1].Agreement(), 0.0);
  EXPECT_NEAR(candidates[1].score_sd, 0.1, 1e-12);
  EXPECT_TRUE(std::isnan(LesionDetails{}.Agreement()));
}

TEST(AgreementRows, KeepOnlyWhatEnoughMembersFind) {
  CaseLesions one{.id = "ill"};
  one.match.lesions = {{.candidates = {0, 1}}, {.candidates = {1}}, {}, {.ignored = true}};
  one.match.candidates = {{.lesions = {0}},
                          {.lesions = {0, 1}},
                          {.false_positive = true},
                          {.false_positive = true},
                          {.lesions = {3}}};
  one.candidate_details.resize(5);
  SetAgreement({{0.9, 0.9, 0.9, 0.9, 0.9}, {0.9, 0.1, 0.9, 0.1, 0.9}}, 0.5, one.candidate_details);
  const auto rows = AgreementRows("sap", {.cases = {one, {.id = "healthy"}}});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].counts, (DetectionCounts{3, 2, 4, 2, 2}));
  EXPECT_EQ(rows[0].counts, CountAll(one.match));
  EXPECT_EQ(rows[1].counts, rows[0].counts);
  EXPECT_EQ(rows[2].counts, (DetectionCounts{3, 1, 2, 1, 1}));
  const auto cells = ParseCsv(AgreementCsv(rows));
  EXPECT_EQ(cells[3][1], "2");
  EXPECT_EQ(cells[3][8], "0.5");  // of two exams
  EXPECT_TRUE(AgreementRows("sap", {.cases = {{.id = "none"}}}).empty());
}

}  // namespace
}  // namespace sap::eval
