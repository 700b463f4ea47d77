// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/files.h"
#include "sap/nn/init.h"
#include "sap/nn/swin_unetr.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/init_strategy.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

namespace fs = std::filesystem;

// Command lines of a page's sh blocks.
std::vector<std::string> CommandsOf(const std::string& page) {
  std::ifstream file(fs::path(SAP_SOURCE_DIR) / "docs" / page);
  std::vector<std::string> commands;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      inside = line == "```sh";
    } else if (inside && !line.empty()) {
      commands.push_back(line);
    }
  }
  return commands;
}

bool RunsIn(const fs::path& folder, const std::string& command) {
  const std::string line = "cd '" + folder.string() + "' && PATH='" + SAP_BIN_DIR + "':$PATH " +
                           command + " > log.txt 2>&1 || { cat log.txt; exit 1; }";
  return std::system(line.c_str()) == 0;
}

TEST(Tutorial, ItsCommandsRunAsTheyStand) {
  const fs::path folder = testing::FreshFolder();
  const auto commands = CommandsOf("tutorial.md");
  ASSERT_GE(commands.size(), 7U);
  for (const std::string& command : commands) ASSERT_TRUE(RunsIn(folder, command)) << command;
  for (const char* made : {"tutorial/runs/cv/cv/table.md",
                           "tutorial/report/table.md",
                           "tutorial/predictions/M001/prediction.nii.gz",
                           "tutorial/runs/tutorial_skeleton/model_final.safetensors"}) {
    EXPECT_TRUE(fs::exists(folder / made)) << made;
  }
}

TEST(PreprocessingPage, ItsExampleGoesFromDicomToCasesUnderTheirCodes) {
  const fs::path folder = testing::FreshFolder();
  const auto commands = CommandsOf("preprocessing.md");
  ASSERT_EQ(commands.size(), 4U);
  for (const std::string& command : commands) {
    ASSERT_TRUE(RunsIn(folder, command)) << command;
    if (command.find("--dry-run") == std::string::npos) continue;
    const std::string plan = ReadFile(folder / "log.txt");
    EXPECT_NE(plan.find("S02: to do\n  series  101  used      T1 "), std::string::npos) << plan;
    EXPECT_NE(plan.find("not used"), std::string::npos) << plan;
    EXPECT_NE(plan.find("derived map (ADC)"), std::string::npos) << plan;
  }
  EXPECT_NE(
      ReadFile(folder / "log.txt").find("2 cases (2 made now, 4 images standardised, 0 flagged)"),
      std::string::npos);
  for (const char* made :
       {"cohort/S01/T1.nii.gz", "cohort/S02/b1000.nii.gz", "cohort/S02/qc.png"}) {
    EXPECT_TRUE(fs::exists(folder / made)) << made;
  }
  ASSERT_TRUE(RunsIn(folder, commands.back()));
  EXPECT_NE(ReadFile(folder / "log.txt").find("(0 made now, 0 images"), std::string::npos);
}

TEST(PredictionPage, ItsExampleOfMissingSequencesGivesMetricsPerPattern) {
  const fs::path folder = testing::FreshFolder();
  ASSERT_TRUE(RunsIn(
      folder,
      "sap-phantom --output_dir cohort --num_healthy 0 --num_metastatic 2 --spacing 8 --seed 3"));
  at::manual_seed(5);
  const nn::SwinUnetrOptions options{.feature_size = 12};
  nn::SwinUnetr model(options);
  nn::NamedTensors weights{.entries = nn::StateDict(*model),
                           .metadata = transfer::NetworkMetadata(options)};
  weights.metadata[nn::weights_key::kRoiSize] = "[32, 32, 64]";
  nn::WriteSafetensors(folder / "model.safetensors", weights);
  const auto commands = CommandsOf("prediction.md");
  ASSERT_EQ(commands.size(), 4U);
  for (const std::string& command : commands) ASSERT_TRUE(RunsIn(folder, command)) << command;
  const std::string table = ReadFile(folder / "evaluation" / "table1.md");
  for (const char* pattern : {"all", "without_T1", "without_b1000"}) {
    EXPECT_NE(table.find(pattern), std::string::npos) << pattern;
    EXPECT_TRUE(fs::exists(folder / "evaluation" / pattern / "cases.csv")) << pattern;
  }
  const auto maps = [&](const std::string& pattern) {
    return Sha256OfFile(folder / "predictions" / pattern / "M001" / "probability.nii.gz");
  };
  EXPECT_NE(maps("all"), maps("without_T1"));
  EXPECT_NE(maps("without_T1"), maps("without_b1000"));
}

}  // namespace
}  // namespace sap
