// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sap::log {

enum class Level { kTrace, kDebug, kInfo, kWarning, kError, kOff };

// One line per event, for people, on stderr and in a run's log file. Numbers for machines go to
// metrics.jsonl, never here. Case ids only: no patient names, no absolute input paths.
void SetLevel(Level level);
void AddFile(const std::filesystem::path& path);  // appends; kIo when it cannot
void Write(Level level, std::string_view text);

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
