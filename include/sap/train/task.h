// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <torch/nn/module.h>

#include "sap/core/tensor.h"
#include "sap/data/loader.h"
#include "sap/train/metrics_log.h"

namespace sap::train {

struct LossParts {
  Tensor total;   // scalar with its graph
  Numbers parts;  // for the log: "dice", "ce"
};

struct Scores {
  double score = 0;  // larger is better; decides model_best
  Numbers numbers;   // everything else worth a column
};

// What is learned from what: the seam between the loop and a method. A new method is a new Task;
// the Trainer does not change.
class Task {
 public:
  virtual ~Task() = default;

  virtual torch::nn::Module& Model() = 0;
  virtual int64_t StepsPerEpoch() const = 0;
  // The batches of an epoch from step `first_step` on, a pure function of (seed, epoch).
  virtual std::unique_ptr<data::Loader> Batches(int64_t epoch, int64_t first_step) = 0;
  // Forward pass and loss in training mode, on the model's device.
  virtual LossParts Loss(const data::Batch& batch) = 0;
  // Scores on held-out data, deterministic; nothing when there is none.
  virtual std::optional<Scores> Validate() = 0;
};

}  // namespace sap::train
