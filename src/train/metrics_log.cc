// SPDX-License-Identifier: Apache-2.0
#include "sap/train/metrics_log.h"

#include <cmath>
#include <sstream>

#include <nlohmann/json.hpp>

#include "progress_plot.h"
#include "sap/core/log.h"
#include "sap/train/event_file.h"

namespace sap::train {
namespace {

using nlohmann::json;

void DropAfter(const fs::path& path, int64_t last_step) {
  if (!fs::exists(path)) return;
  std::istringstream lines(ReadFile(path));
  std::string kept;
  bool dropped = false;
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool keep = entry.is_object() && entry.value("step", int64_t{0}) <= last_step;
    if (keep) kept += line + "\n";
    dropped = dropped || !keep;
  }
  if (dropped) WriteFileAtomically(path, kept);
}

}  // namespace

MetricsLog::MetricsLog(const RunFiles& files, int64_t last_step)
    : files_(files), events_(std::make_unique<EventFile>(files.TensorBoard())) {
  DropAfter(files_.Metrics(), last_step);
}

MetricsLog::~MetricsLog() = default;

void MetricsLog::Write(const std::string& kind,
                       int64_t step,
                       int64_t epoch,
                       const Numbers& numbers) {
  json line = {{"kind", kind}, {"step", step}, {"epoch", epoch}};
  for (const auto& [name, value] : numbers) {
    line[name] = std::isfinite(value) ? json(value) : json();
    if (std::isfinite(value)) events_->Scalar(kind + "/" + name, step, value);
  }
  AppendLine(files_.Metrics(), line.dump());
}

void MetricsLog::DrawProgress() const {
  if (!DrawProgressPlot(files_) && !told_no_gnuplot_) {
    told_no_gnuplot_ = true;
    log::Info("progress.png is not drawn: gnuplot is not installed; metrics.jsonl has the numbers");
  }
}

}  // namespace sap::train
