// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace sap::testing {

// The folder of reference numbers and real volumes beside the checkout (../shared, or
// SAP_SHARED); nothing where it is absent. Tests that need it skip with a printed reason.
std::optional<std::filesystem::path> SharedFolder();

// A fresh, empty folder for the running test, removed by the next run of the same test.
std::filesystem::path FreshFolder();

}  // namespace sap::testing

#define SAP_REQUIRE_SHARED(variable, relative)                                     \
  const auto variable##_root = ::sap::testing::SharedFolder();                     \
  if (!variable##_root || !std::filesystem::exists(*variable##_root / (relative))) \
    GTEST_SKIP() << "needs ../shared/" << (relative) << ", which is not here";     \
  const std::filesystem::path variable = *variable##_root / (relative)
