// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "support/run_program.h"

namespace sap {
namespace {

namespace fs = std::filesystem;

std::string ProgramFor(const std::string& config) {
  if (config.starts_with("phantom")) return "sap-phantom";
  if (config.starts_with("predict")) return "sap-predict";
  if (config.starts_with("preprocess")) return "sap-preprocess";
  if (config.starts_with("evaluate")) return "sap-evaluate";
  if (config == "campaign" || config == "quickstart") return "sap-cv";
  return "sap-train";
}

// --print-config reads the whole file and prints the resolved one; reading that again must give
// the same.
TEST(Configs, EveryShippedConfigIsReadByItsProgram) {
  int num_configs = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(SAP_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    if (entry.path().stem() == "sequences") continue;         // a table, no program's options
    if (entry.path().stem() == "published_values") continue;  // data, no program's config
    ++num_configs;
    const std::string program = ProgramFor(entry.path().stem());
    std::vector<std::string> command = {program};
    if (program == "sap-cv") command.emplace_back("status");
    command.insert(command.end(), {"--config", entry.path().string(), "--print-config"});
    const auto result = testing::RunProgram(command);
    EXPECT_EQ(result.exit_code, 0) << entry.path() << "\n" << result.err;
    EXPECT_NE(result.out, "") << entry.path();
  }
  EXPECT_GE(num_configs, 8);
}

}  // namespace
}  // namespace sap
