// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sap/train/run_dir.h"

namespace sap::train {

class EventFile;

using Numbers = std::map<std::string, double>;

// Numbers of a run for machines: metrics.jsonl (one object per line), TensorBoard events, and
// progress.png (gnuplot, with script and data beside it; skipped with one line where gnuplot is
// absent). One writer per run.
class MetricsLog {
 public:
  // Lines beyond `last_step` come from work that a crash undid: they are dropped.
  MetricsLog(const RunFiles& files, int64_t last_step);
  ~MetricsLog();

  // kind: "step", "epoch" or "validation". Non-finite numbers become null in JSON.
  void Write(const std::string& kind, int64_t step, int64_t epoch, const Numbers& numbers);
  void DrawProgress() const;

 private:
  RunFiles files_;
  std::unique_ptr<EventFile> events_;
  mutable bool told_no_gnuplot_ = false;
};

}  // namespace sap::train
