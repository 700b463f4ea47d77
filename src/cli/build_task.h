// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <c10/core/Device.h>

#include "cli/train_config.h"
#include "sap/train/optimizer.h"
#include "sap/train/task.h"
#include "sap/train/trainer.h"
#include "sap/transfer/load_report.h"

namespace sap::cli {

struct PreparedRun;

// What one run trains, ready for its first step: the only place where the kinds of task differ.
struct BuiltTask {
  std::unique_ptr<train::Task> task;
  transfer::LoadReport weights;          // where each tensor came from
  std::vector<train::RateGroup> groups;  // its parameters at their rates
  train::WeightsMetadata metadata;       // what a weights file says of itself
};

// Draws the weights from the config's seed, takes over pretrained ones as init says, and moves the
// network to `device`. Throws kInput when the pretrained weights have seen a subject of the fold
// that is held out.
BuiltTask BuildTask(const TrainConfig& config, const PreparedRun& run, const c10::Device& device);

}  // namespace sap::cli
