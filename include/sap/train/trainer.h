// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sap/core/options.h"
#include "sap/train/amp.h"
#include "sap/train/checkpoint.h"
#include "sap/train/metrics_log.h"
#include "sap/train/optimizer.h"
#include "sap/train/run_dir.h"
#include "sap/train/schedule.h"
#include "sap/train/task.h"

namespace sap::train {

struct TrainerOptions {
  int64_t max_epochs = 400;
  std::optional<int64_t> max_steps;  // given: in place of max_epochs
  int64_t val_interval = 5;
  int64_t save_interval_epochs = 5;
  double save_interval_min = 30;
  int keep_checkpoints = 2;
  double max_grad_norm = 0;
  int64_t log_interval_steps = 10;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("max_epochs", max_epochs).Help("epochs to train").AtLeast(1);
    v.Field("max_steps", max_steps)
        .Help("steps to train, in place of max_epochs; the last epoch may be shorter")
        .AtLeast(1);
    v.Field("val_interval", val_interval).Help("epochs between validations").AtLeast(1);
    v.Alias("val_every", "val_interval");
    v.Field("save_interval_epochs", save_interval_epochs)
        .Help("epochs between checkpoints")
        .AtLeast(1);
    v.Field("save_interval_min", save_interval_min)
        .Help("also save after so many minutes, in the middle of an epoch")
        .AtLeast(0.01);
    v.Field("keep_checkpoints", keep_checkpoints).Help("newest checkpoints kept").Range(2, 1000);
    v.Field("max_grad_norm", max_grad_norm).Help("clip the gradient's L2 norm; 0 = off").AtLeast(0);
    v.Field("log_interval_steps", log_interval_steps)
        .Help("steps between lines of metrics.jsonl")
        .AtLeast(1);
    optimizer.Describe(v);
    schedule.Describe(v);
  }
};

// What is recorded with the weights (specs/swin_unetr.md §1.10 has the names).
using WeightsMetadata = std::map<std::string, std::string>;

enum class TrainOutcome { kFinished, kStopped };

// The loop: epochs of steps, validation, checkpoints, and a way back after any interruption.
class Trainer {
 public:
  Trainer(Task& task,
          Optimizer& optimizer,
          RunDir& run,
          const TrainerOptions& options,
          WeightsMetadata metadata,
          std::string run_hash);
  ~Trainer();

  // Trains to max_epochs (or max_steps), or until a stop signal, and leaves model_final (and
  // model_best). Throws kNumeric before an update whose loss or gradient is not finite.
  TrainOutcome Run();
  const TrainState& state() const { return state_; }

 private:
  void Restore();
  bool Done() const;
  int64_t NumEpochs() const;
  double CurrentRateFactor() const;
  bool TrainEpoch();  // false: stopped on request
  double Step(const data::Batch& batch);
  void EndEpoch();
  void Validate();
  void SaveIfDue(bool end_of_epoch);
  void Save();
  void WriteWeights(const fs::path& path) const;
  void Finish();

  Task& task_;
  Optimizer& optimizer_;
  RunDir& run_;
  TrainerOptions options_;
  WeightsMetadata metadata_;
  std::string run_hash_;
  TrainState state_;
  std::unique_ptr<MetricsLog> metrics_;
  std::string last_save_fault_;
  struct Clock;
  std::unique_ptr<Clock> clock_;
};

}  // namespace sap::train
