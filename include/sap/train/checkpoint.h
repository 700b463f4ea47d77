// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sap/core/files.h"
#include "sap/core/tensor.h"

namespace sap::train {

// Where a run stands: with weights, moments and these numbers it continues bitwise.
struct TrainState {
  int64_t epoch = 0;          // epoch in progress
  int64_t step_in_epoch = 0;  // steps of it that are done: the sampler's cursor
  int64_t step = 0;           // updates since the start
  double epoch_loss_sum = 0;  // over the steps done in this epoch
  std::optional<double> best_score;
  int64_t best_epoch = -1;
  double trained_s = 0;  // wall time of training, over all attempts
};

struct Checkpoint {
  TrainState state;
  std::vector<std::pair<std::string, Tensor>> model;      // state dict
  std::vector<std::pair<std::string, Tensor>> optimizer;  // Optimizer::State()
  Tensor generator;      // state of LibTorch's default CPU generator (dropout), uint8
  std::string run_hash;  // of config and split; a checkpoint of another run is refused
};

// Writes checkpoints/step-<n>/ with model.safetensors, optimizer.safetensors, state.json and,
// last, manifest.json (sha256 of each file), under a temporary name that is renamed when all is
// on disk (reliability §1). Afterwards removes all but the `keep` newest.
void SaveCheckpoint(const fs::path& folder, const Checkpoint& checkpoint, int keep);

// The newest checkpoint whose manifest verifies; a damaged one is named in a warning and the one
// before is taken. Nothing when there is none. kInput when run_hash differs.
std::optional<Checkpoint> LoadNewestCheckpoint(const fs::path& folder, const std::string& run_hash);

bool HasCheckpoint(const fs::path& folder);

}  // namespace sap::train
