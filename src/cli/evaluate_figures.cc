// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_figures.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include <spawn.h>

#include "sap/core/files.h"
#include "sap/core/log.h"

namespace sap::cli {
namespace {

// Runs gnuplot on `script` in `folder` without a shell; its chatter goes nowhere.
bool RunGnuplot(const fs::path& folder, std::string script) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string program = "gnuplot";
  char* arguments[] = {program.data(), script.data(), nullptr};
  pid_t child = 0;
  const int code = posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return false;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DrawFigures(
    const fs::path& folder, const std::map<std::string, std::string>& files) {
  CreateFolder(folder);
  for (const auto& [name, text] : files) WriteFileAtomically(folder / name, text);
  std::vector<std::pair<std::string, std::string>> pictures;
  std::vector<std::string> failed;
  for (const auto& [name, text] : files) {
    if (!name.ends_with(".gp")) continue;
    const std::string stem = name.substr(0, name.size() - 3);
    if (RunGnuplot(folder, name)) {
      pictures.emplace_back(stem, ReadFile(folder / (stem + ".svg")));
    } else {
      failed.push_back(stem);
    }
  }
  if (!failed.empty()) {
    log::Warning("not drawn: {}; install gnuplot, or run the scripts in {} by hand",
                 fmt::join(failed, ", "),
                 folder.filename().string());
  }
  return pictures;
}

}  // namespace sap::cli
