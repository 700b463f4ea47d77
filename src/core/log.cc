// SPDX-License-Identifier: Apache-2.0
#include "sap/core/log.h"

// The only file that includes spdlog: its fmt and the one in LibTorch's folder do not mix.
#include <memory>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "sap/core/error.h"

namespace sap::log {
namespace {

constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S %^%l%$ %v";

using SinkList = spdlog::sinks::dist_sink_mt;  // may grow and shrink while threads log

const std::shared_ptr<SinkList>& Sinks() {
  static const std::shared_ptr<SinkList> sinks = [] {
    auto list = std::make_shared<SinkList>();
    list->add_sink(std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    list->set_pattern(kPattern);
    return list;
  }();
  return sinks;
}

spdlog::logger& Logger() {
  static spdlog::logger logger = [] {
    spdlog::logger made("sap", Sinks());
    made.flush_on(spdlog::level::info);
    return made;
  }();
  return logger;
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

struct FileScope::Sink {
  std::shared_ptr<spdlog::sinks::basic_file_sink_mt> file;
};

FileScope::FileScope(const std::filesystem::path& path) : sink_(std::make_unique<Sink>()) {
  try {
    sink_->file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
  } catch (const spdlog::spdlog_ex& error) {
    Fail(ErrorKind::kIo,
         "{}: cannot open the log file: {}; check permission and space",
         path.filename().string(),
         error.what());
  }
  sink_->file->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
  Sinks()->add_sink(sink_->file);
}

FileScope::~FileScope() {
  Sinks()->remove_sink(sink_->file);
}

void Write(Level level, std::string_view text) {
  Logger().log(SpdlogLevel(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace sap::log
