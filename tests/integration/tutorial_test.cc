// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/shared_folder.h"

namespace sap {
namespace {

namespace fs = std::filesystem;

// Command lines of the tutorial's sh blocks.
std::vector<std::string> TutorialCommands() {
  std::ifstream file(fs::path(SAP_SOURCE_DIR) / "docs" / "tutorial.md");
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

TEST(Tutorial, ItsCommandsRunAsTheyStand) {
  const fs::path folder = testing::FreshFolder();
  const auto commands = TutorialCommands();
  ASSERT_GE(commands.size(), 7U);
  for (const std::string& command : commands) {
    const std::string line = "cd '" + folder.string() + "' && PATH='" + SAP_BIN_DIR + "':$PATH " +
                             command + " > log.txt 2>&1 || { cat log.txt; exit 1; }";
    ASSERT_EQ(std::system(line.c_str()), 0) << command;
  }
  for (const char* made : {"tutorial/runs/cv/cv/table.md",
                           "tutorial/report/table.md",
                           "tutorial/predictions/M001/prediction.nii.gz",
                           "tutorial/runs/tutorial_skeleton/model_final.safetensors"}) {
    EXPECT_TRUE(fs::exists(folder / made)) << made;
  }
}

}  // namespace
}  // namespace sap
