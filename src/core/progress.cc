// SPDX-License-Identifier: Apache-2.0
#include "sap/core/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "sap/core/log.h"

namespace sap {
namespace {

using Clock = std::chrono::steady_clock;  // wall clocks jump
constexpr int kBarCells = 24;

std::string DurationText(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

std::string RateText(double per_second) {
  if (per_second <= 0) return "";
  return per_second >= 1 ? fmt::format("{:.1f}/s", per_second)
                         : fmt::format("{:.1f} s each", 1 / per_second);
}

}  // namespace

Progress::Progress(std::string title, int64_t total)
    : title_(std::move(title)),
      total_(std::max<int64_t>(total, 1)),
      start_(Clock::now()),
      drawn_(start_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (!finished_ && terminal_ && done_ > 0)
    std::fputc('\n', stderr);  // leave a broken bar readable
}

void Progress::Advance(int64_t done, const std::string& note) {
  done_ += done;
  note_ = note;
  const double interval_s = terminal_ ? 0.2 : 30.0;
  if (std::chrono::duration<double>(Clock::now() - drawn_).count() >= interval_s) Draw(false);
}

void Progress::Finish() {
  if (finished_) return;
  finished_ = true;
  Draw(true);
}

void Progress::Draw(bool last) {
  drawn_ = Clock::now();
  const double elapsed_s = std::chrono::duration<double>(drawn_ - start_).count();
  const double rate = elapsed_s > 0 ? static_cast<double>(done_) / elapsed_s : 0;
  const double left_s = rate > 0 ? static_cast<double>(total_ - done_) / rate : 0;
  const std::string time = last ? "in " + DurationText(elapsed_s)
                                : fmt::format("{}, {} left", RateText(rate), DurationText(left_s));
  const std::string note = note_.empty() ? "" : "  " + note_;
  if (!terminal_) {
    log::Info("{}: {}/{} {}{}", title_, done_, total_, time, note);
    return;
  }
  const auto filled = static_cast<int>(kBarCells * std::min(done_, total_) / total_);
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(kBarCells - filled), '.');
  const std::string line =
      fmt::format("\r\033[K{} [{}] {}/{} {}{}", title_, bar, done_, total_, time, note);
  std::fputs(line.c_str(), stderr);
  if (last) std::fputc('\n', stderr);
  std::fflush(stderr);
}

}  // namespace sap
