// SPDX-License-Identifier: Apache-2.0
#include "sap/train/metrics_log.h"

#include <cmath>
#include <cstring>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/train/event_file.h"
#include "support/shared_folder.h"

namespace sap::train {
namespace {

using testing::FreshFolder;

std::vector<nlohmann::json> Lines(const fs::path& path) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(ReadFile(path));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(Crc32c, EqualsThePublishedVector) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);  // RFC 3720, appendix B.4
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
}

// Walks the records as TensorBoard does: length, its masked check sum, data, its masked check sum.
TEST(EventFile, RecordsAreFramedAsTensorBoardExpects) {
  const fs::path folder = FreshFolder();
  EventFile events(folder);
  events.Scalar("loss", 3, 0.5);
  const std::string bytes = ReadFile(fs::directory_iterator(folder)->path());
  const auto masked = [](const std::string& text) {
    const uint32_t crc = Crc32c(text);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
  };
  const auto word = [&](std::size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, 4);
    return value;
  };
  std::size_t at = 0;
  int num_records = 0;
  while (at < bytes.size()) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, 8);
    EXPECT_EQ(word(at + 8), masked(bytes.substr(at, 8)));
    const std::string event = bytes.substr(at + 12, length);
    EXPECT_EQ(word(at + 12 + length), masked(event));
    if (num_records == 0) {
      EXPECT_NE(event.find("brain.Event:2"), std::string::npos);
    }
    if (num_records == 1) {
      EXPECT_NE(event.find("loss"), std::string::npos);
    }
    at += 16 + length;
    ++num_records;
  }
  EXPECT_EQ(num_records, 2);
}

TEST(MetricsLog, DropsLinesThatACrashUndid) {
  const RunFiles files{FreshFolder()};
  {
    MetricsLog log(files, 0);
    for (int64_t step = 1; step <= 4; ++step) log.Write("step", step, 0, {{"loss", 1.0 / 3.0}});
  }
  AppendLine(files.Metrics(), "{\"kind\": \"step\", \"st");  // cut by the crash
  MetricsLog again(files, 2);
  again.Write("step", 3, 0, {{"loss", std::nan("")}});
  const auto lines = Lines(files.Metrics());
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["loss"].get<double>(), 1.0 / 3.0);
  EXPECT_EQ(lines[2]["step"], 3);
  EXPECT_TRUE(lines[2]["loss"].is_null());
}

}  // namespace
}  // namespace sap::train
