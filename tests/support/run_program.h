// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sap::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + n after signal n
  std::string out;
  std::string err;
};

// Runs build/<preset>/bin/<arguments[0]> with extra environment variables and waits for it.
ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment = {});

// The same where no file may grow beyond a size, which stands for a full disk.
ProgramResult RunWithSmallFiles(const std::vector<std::string>& arguments,
                                std::uintmax_t most_file_bytes);

// Starts it, sends `signal` after `delay_s`, and waits.
ProgramResult RunAndSignal(const std::vector<std::string>& arguments, int signal, double delay_s);

}  // namespace sap::testing
