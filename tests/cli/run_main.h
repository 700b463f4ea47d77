// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sap::cli {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

// A program run inside the test, which is faster than a process of its own.
inline Outcome RunMain(int (*program)(int, char**), std::vector<std::string> words) {
  words.insert(words.begin(), "program");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome{.code = program(static_cast<int>(argv.size()), argv.data())};
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace sap::cli
