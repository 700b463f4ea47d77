// SPDX-License-Identifier: Apache-2.0
#include "sap/core/log.h"

// The only file that includes spdlog: its fmt and the one in LibTorch's folder do not mix.
#include <memory>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "sap/core/error.h"

namespace sap::log {
namespace {

constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S %^%l%$ %v";

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>(
        "sap", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern(kPattern);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum SpdlogLevel(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void SetLevel(Level level) {
  Logger().set_level(SpdlogLevel(level));
}

void AddFile(const std::filesystem::path& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
    Logger().sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    Fail(ErrorKind::kIo,
         "{}: cannot open the log file: {}; check permission and space",
         path.filename().string(),
         error.what());
  }
}

void Write(Level level, std::string_view text) {
  Logger().log(SpdlogLevel(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace sap::log
