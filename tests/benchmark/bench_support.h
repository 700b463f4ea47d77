// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sap::bench {

template <typename Action>
double Seconds(const Action& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The most memory that this process has had resident.
inline int64_t PeakRssMib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

inline void ParseOrExit(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
}

// One line: a step of ours beside a named alternative, and how many times faster ours is.
inline void Report(const std::string& step,
                   double seconds,
                   const std::string& alternative,
                   double other_s) {
  std::cout << fmt::format("{:<34} {:8.3f} s   {:<34} {:8.3f} s   ratio {:.1f}\n",
                           step,
                           seconds,
                           alternative,
                           other_s,
                           other_s / seconds)
            << std::flush;
}

}  // namespace sap::bench
