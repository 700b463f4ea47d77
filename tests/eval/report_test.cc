// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/eval/report_compare.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;

// One exam with a found lesion and a false positive, one without lesions.
LesionSummary Example() {
  return EvaluateLesions(
      2,
      [](std::size_t i) {
        CaseInput input{.id = i == 0 ? "ill" : "healthy",
                        .reference_XYZ = at::zeros({8, 8, 8}, at::kByte),
                        .probability_XYZ = at::zeros({8, 8, 8}),
                        .spacing_mm = {2, 2, 2}};
        if (i == 0) {
          input.reference_XYZ.narrow(0, 1, 2).narrow(1, 1, 2).narrow(2, 1, 2).fill_(1);
          input.probability_XYZ[1][1][1] = 1.0F;
          input.probability_XYZ[6][6][6] = 1.0F;
        }
        return input;
      },
      0.5);
}

std::string CellOf(const std::string& csv, std::size_t row, const std::string& column) {
  const auto rows = ParseCsv(csv);
  for (std::size_t c = 0; c < rows[0].size(); ++c) {
    if (rows[0][c] == column) return rows[row].at(c);
  }
  return "no such column";
}

TEST(RangeText, KeepsAMinusApartFromTheDash) {
  EXPECT_EQ(RangeText(0.25, 0.5), "0.250-0.500");
  EXPECT_EQ(RangeText(-0.577, 0.468), "-0.577 to 0.468");
  EXPECT_EQ(RangeText(-2, -1), "-2.000 to -1.000");
}

TEST(CasesCsv, HasOneRowPerExamAndEmptyCellsForUndefinedValues) {
  const std::string csv = CasesCsv(Example());
  EXPECT_EQ(ParseCsv(csv).size(), 3U);
  EXPECT_EQ(CellOf(csv, 1, "case"), "ill");
  EXPECT_EQ(CellOf(csv, 1, "detected"), "1");
  EXPECT_EQ(CellOf(csv, 1, "false_positives"), "1");
  EXPECT_EQ(CellOf(csv, 1, "reference_ml"), "0.064");
  EXPECT_EQ(CellOf(csv, 1, "sensitivity"), "1");
  EXPECT_EQ(CellOf(csv, 2, "sensitivity"), "");
  EXPECT_EQ(CellOf(csv, 2, "fp_per_exam"), "0");
}

TEST(LesionsCsv, LetsTheDiceBeRecomputed) {
  const std::string csv = LesionsCsv(Example());
  const double overlap = std::stod(CellOf(csv, 1, "overlap_vox"));
  const double size = std::stod(CellOf(csv, 1, "reference_vox"));
  const double candidates = std::stod(CellOf(csv, 1, "candidates_vox"));
  EXPECT_DOUBLE_EQ(std::stod(CellOf(csv, 1, "dice")), 2 * overlap / (size + candidates));
  EXPECT_EQ(CellOf(csv, 1, "group_type"), "1:1");
  EXPECT_EQ(CellOf(CandidatesCsv(Example()), 2, "false_positive"), "1");
}

TEST(CandidatesCsv, HasTheDistanceToTheNearestLesion) {
  EXPECT_EQ(CellOf(CandidatesCsv(Example()), 1, "nearest_lesion_mm"), "0");
  // From (2, 2, 2), the lesion's last voxel, four steps of 2 mm along each axis.
  EXPECT_DOUBLE_EQ(std::stod(CellOf(CandidatesCsv(Example()), 2, "nearest_lesion_mm")),
                   8 * std::sqrt(3.0));
}

TEST(AuditJson, CountsLesionsAndCandidatesUnderEachConnectivity) {
  // Lesions: two voxels that share an edge. Candidates: two that share a corner, and one alone.
  const LesionSummary summary = EvaluateLesions(
      2,
      [](std::size_t i) {
        CaseInput input{.id = fmt::format("case_{}", i),
                        .reference_XYZ = at::zeros({8, 8, 8}, at::kByte),
                        .probability_XYZ = at::zeros({8, 8, 8})};
        input.reference_XYZ[1][1][1] = input.reference_XYZ[2][2][1] = 1;
        input.probability_XYZ[1][1][1] = input.probability_XYZ[2][2][2] = 1.0F;
        if (i == 0) input.probability_XYZ[6][6][6] = 1.0F;
        return input;
      },
      0.5);
  const auto json = SummaryJson(summary).at("lesions").at("connectivity_audit");
  EXPECT_EQ(json,
            nlohmann::json({{{"connectivity", 6}, {"lesions", 4}, {"candidates", 5}},
                            {{"connectivity", 18}, {"lesions", 2}, {"candidates", 5}},
                            {{"connectivity", 26}, {"lesions", 2}, {"candidates", 3}}}));
  EXPECT_THAT(AuditSection({"sap"}, {summary}).markdown, HasSubstr("lesions, 26-connected"));
}

TEST(SummaryJson, HasNnunetsSchemaAndALesionsBlock) {
  const auto json = SummaryJson(Example());
  EXPECT_EQ(json.at("metric_per_case")[0].at("metrics").at("1").at("TP"), 1);
  EXPECT_EQ(json.at("metric_per_case")[0].at("metrics").at("1").at("n_ref"), 8);
  EXPECT_TRUE(json.at("metric_per_case")[1].at("metrics").at("1").at("Dice").is_null());
  EXPECT_DOUBLE_EQ(json.at("mean").at("1").at("Dice"), 0.2);
  EXPECT_DOUBLE_EQ(json.at("foreground_mean").at("Dice"), 0.2);
  const auto& sensitivity = json.at("lesions").at("per_case").at("sensitivity");
  EXPECT_EQ(sensitivity.at("n"), 1);
  EXPECT_EQ(sensitivity.at("n_excluded"), 1);
  EXPECT_EQ(json.at("lesions").at("pooled").at("all").at("false_positives"), 1);
}

TEST(WriteReport, LeavesEveryFileAndTheRecord) {
  const auto folder = sap::testing::FreshFolder() / "out";
  WriteReport(folder, Example(), {{"task", "lesion"}});
  for (const char* name : {"cases.csv", "lesions.csv", "candidates.csv", "table.md"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
  EXPECT_EQ(nlohmann::json::parse(ReadFile(folder / "summary.json")).at("task"), "lesion");
  EXPECT_THAT(ReadFile(folder / "table.md"), HasSubstr("detected_lesion_dice"));
}

TEST(SkeletonReport, NamesEveryRegionAndTheMergedDice) {
  const Tensor labels = at::tensor({0, 1, 2, 2}, at::kShort).view({4, 1, 1});
  const SkeletonSummary summary = EvaluateSkeleton(1,
                                                   [&](std::size_t) {
                                                     return LabelPair{"scan", labels, labels};
                                                   },
                                                   {"background", "spine", "pelvis", "femur"});
  EXPECT_EQ(CellOf(CasesCsv(summary), 1, "dice_pelvis"), "1");
  EXPECT_EQ(CellOf(CasesCsv(summary), 1, "dice_femur"), "");
  EXPECT_EQ(CellOf(CasesCsv(summary), 1, "dice_merged"), "1");
  const auto json = SummaryJson(summary);
  EXPECT_EQ(json.at("skeleton").at("femur").at("n_excluded"), 1);
  EXPECT_EQ(json.at("mean").at("2").at("Dice"), 1.0);
}

}  // namespace
}  // namespace sap::eval
