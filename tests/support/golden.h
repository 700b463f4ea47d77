// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/tensor.h"

// Reads and compares the reference numbers under tests/golden and ../shared/golden; tensors are
// read by golden_tensors.h.
namespace sap::testing {

inline std::filesystem::path GoldenFile(const std::string& name) {
  return std::filesystem::path(SAP_SOURCE_DIR) / "tests" / "golden" / name;
}

// Whether SAP_SLOW_TESTS is set: then the double-precision comparisons run in full (minutes).
inline bool RunSlowTests() {
  return std::getenv("SAP_SLOW_TESTS") != nullptr;
}

inline nlohmann::json ReadGoldenJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return nlohmann::json::parse(file);
}

// null is NaN; "+inf" and "-inf" are infinities.
inline double GoldenNumber(const nlohmann::json& value) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (value.is_string()) {
    const double infinity = std::numeric_limits<double>::infinity();
    return value.get<std::string>().front() == '-' ? -infinity : infinity;
  }
  return value.get<double>();
}

// Within `tolerance` of the expected value, relative to max(1, |expected|, scale).
inline void ExpectNumber(
    double actual, double expected, double tolerance, double scale, const std::string& what) {
  const double unit = std::max({1.0, std::abs(expected), scale});
  EXPECT_NEAR(actual, expected, tolerance * unit) << what;
}

// Checks first, mid, last, mean, std, l2, max_abs (those that `summary` has) of the C-order
// flattening.
inline void ExpectSummary(const Tensor& tensor,
                          const nlohmann::json& summary,
                          double tolerance,
                          const std::string& what) {
  if (summary.contains("shape")) {
    ASSERT_EQ(tensor.sizes().vec(), summary.at("shape").get<std::vector<int64_t>>()) << what;
  }
  const Tensor flat = tensor.detach().to(at::kDouble).contiguous().flatten();
  const int64_t n = flat.numel();
  const std::map<std::string, double> actual = {
      {"first", flat[0].item<double>()},
      {"mid", flat[n / 2].item<double>()},
      {"last", flat[n - 1].item<double>()},
      {"mean", flat.mean().item<double>()},
      {"std", flat.std(/*unbiased=*/false).item<double>()},
      {"l2", flat.norm().item<double>()},
      {"max_abs", flat.abs().max().item<double>()}};
  const double scale = summary.contains("max_abs") ? 0.0 : GoldenNumber(summary.at("l2"));
  for (const auto& [key, value] : actual) {
    if (!summary.contains(key)) continue;
    ExpectNumber(value, GoldenNumber(summary.at(key)), tolerance, scale, what + "." + key);
  }
}

}  // namespace sap::testing
