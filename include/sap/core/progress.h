// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sap {

// Progress of long work on stderr: a bar with rate and remaining time on a terminal, one log
// line per interval elsewhere. Not thread-safe; one owner calls it.
class Progress {
 public:
  Progress(std::string title, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `note` stands behind the bar, e.g. "loss 0.412".
  void Advance(int64_t done = 1, const std::string& note = "");
  void Finish();

 private:
  void Draw(bool last);

  std::string title_;
  std::string note_;
  int64_t total_ = 0;
  int64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
  bool terminal_ = false;
  bool finished_ = false;
};

}  // namespace sap
