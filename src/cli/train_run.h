// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cli/train_config.h"
#include "sap/train/trainer.h"

namespace sap::cli {

// A run before its first step: the cohort is checked and stored, the cases are chosen.
struct PreparedRun {
  data::Cohort cohort;
  std::shared_ptr<const data::VolumeStore> store;
  std::optional<data::Split> split;
  std::vector<data::SubjectBurden> burden;
  train::CaseSets cases;
};

train::RunFiles RunFilesOf(const TrainConfig& config);

// Reads and checks the cohort, opens or builds the store, and splits by subject.
PreparedRun PrepareRun(const TrainConfig& config);

// Trains one run to its end or a stop signal. A finished run is left as it is.
train::TrainOutcome RunTraining(const TrainConfig& config);

// What --dry-run says: cases, split balance, parameters, steps; nothing but the store is written.
std::string DescribeRun(const TrainConfig& config);

}  // namespace sap::cli
