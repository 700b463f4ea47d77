// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/files.h"
#include "support/run_program.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

namespace sap {
namespace {

using ::testing::HasSubstr;

TEST(Campaign, EndsInAReportOfItsHeldOutPredictions) {
  const fs::path root = testing::FreshFolder();
  testing::MakeTinyCohort(root / "cohort", {.num_cases = 6, .size_vox = {40, 40, 64}});
  WriteFileAtomically(root / "campaign.yaml",
                      "name: c\n"
                      "output_dir: " +
                          (root / "runs").string() +
                          "\n"
                          "inits: [random]\n"
                          "seeds: [1]\n"
                          "train:\n"
                          "  task: lesion\n"
                          "  split: {num_folds: 3, tuning_fold: 0}\n"
                          "  data: {path: " +
                          (root / "cohort").string() +
                          "}\n"
                          "  roi_size: [32, 32, 64]\n"
                          "  feature_size: 12\n"
                          "  max_epochs: 1\n"
                          "  warmup_epochs: 0\n"
                          "predict: {overlap: 0}\n");
  const auto run =
      testing::RunProgram({"sap-cv", "run", "--config", (root / "campaign.yaml").string()});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const fs::path report = root / "runs" / "c" / "cv" / "report";
  const std::string page = ReadFile(report / "report.html");
  EXPECT_THAT(page, HasSubstr("<dt>Method</dt><dd>baseline</dd>"));  // random, in the paper's word
  EXPECT_THAT(page, HasSubstr("Published: Table 1"));
  const auto summary = nlohmann::json::parse(ReadFile(report / "summary.json"));
  EXPECT_EQ(summary.at("lesions").at("num_cases"), 4);  // two of six chose the threshold
  EXPECT_EQ(summary.at("tuning").at("held_out"), true);
  EXPECT_EQ(summary.at("means").at("baseline").at("all").at("f2").at("num_folds"), 2);
  // The table of the command and the report tell of the same exams at the same threshold.
  const auto table = nlohmann::json::parse(ReadFile(root / "runs" / "c" / "cv" / "summary.json"));
  EXPECT_EQ(table.at("methods").begin().value().at("threshold"),
            summary.at("lesions").at("rules").at("threshold"));
}

}  // namespace
}  // namespace sap
