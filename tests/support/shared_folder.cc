// SPDX-License-Identifier: Apache-2.0
#include "support/shared_folder.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace sap::testing {
namespace fs = std::filesystem;

std::optional<fs::path> SharedFolder() {
  const char* named = std::getenv("SAP_SHARED");
  const fs::path folder =
      named != nullptr ? fs::path(named) : fs::path(SAP_SOURCE_DIR) / ".." / "shared";
  if (!fs::is_directory(folder)) return std::nullopt;
  return fs::canonical(folder);
}

fs::path FreshFolder() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const fs::path folder = fs::temp_directory_path() / "sap_tests" /
                          (std::string(info->test_suite_name()) + "." + info->name());
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

}  // namespace sap::testing
