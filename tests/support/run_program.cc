// SPDX-License-Identifier: Apache-2.0
#include "support/run_program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace sap::testing {
namespace {

namespace fs = std::filesystem;

std::string Text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void RedirectTo(const fs::path& path, int descriptor) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ::dup2(file, descriptor);
  ::close(file);
}

ProgramResult Run(const std::vector<std::string>& arguments,
                  const std::map<std::string, std::string>& environment,
                  int signal,
                  double delay_s,
                  std::uintmax_t most_file_bytes = 0) {
  static std::atomic<int> count{0};  // programs may run side by side
  const fs::path base = fs::temp_directory_path() / ("sap_program_" + std::to_string(::getpid()) +
                                                     "_" + std::to_string(count++));
  const fs::path out = base.string() + ".out";
  const fs::path err = base.string() + ".err";
  std::vector<std::string> words = arguments;
  words[0] = (fs::path(SAP_BIN_DIR) / words[0]).string();
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (most_file_bytes > 0) {
      const rlimit limit = {most_file_bytes, most_file_bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    RedirectTo(out, STDOUT_FILENO);
    RedirectTo(err, STDERR_FILENO);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  if (signal != 0) {
    ::usleep(static_cast<useconds_t>(delay_s * 1e6));
    ::kill(child, signal);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ProgramResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = Text(out);
  result.err = Text(err);
  fs::remove(out);
  fs::remove(err);
  return result;
}

}  // namespace

ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment) {
  return Run(arguments, environment, 0, 0);
}

ProgramResult RunWithSmallFiles(const std::vector<std::string>& arguments,
                                std::uintmax_t most_file_bytes) {
  return Run(arguments, {}, 0, 0, most_file_bytes);
}

ProgramResult RunAndSignal(const std::vector<std::string>& arguments, int signal, double delay_s) {
  return Run(arguments, {}, signal, delay_s);
}

}  // namespace sap::testing
