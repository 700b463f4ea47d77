// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sap::log {

enum class Level { kTrace, kDebug, kInfo, kWarning, kError, kOff };

// One line per event, for people, on stderr and in a run's log file. Numbers for machines go to
// metrics.jsonl, never here. Case ids only: no patient names, no absolute input paths.
void SetLevel(Level level);
void Write(Level level, std::string_view text);

// Lines also go to the end of a file for the scope. Throws kIo when it cannot be opened.
class FileScope {
 public:
  explicit FileScope(const std::filesystem::path& path);
  FileScope(const FileScope&) = delete;
  FileScope& operator=(const FileScope&) = delete;
  ~FileScope();

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

template <typename... Args>
void Info(fmt::format_string<Args...> text, Args&&... args) {
  Write(Level::kInfo, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void Warning(fmt::format_string<Args...> text, Args&&... args) {
  Write(Level::kWarning, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void Debug(fmt::format_string<Args...> text, Args&&... args) {
  Write(Level::kDebug, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace sap::log
