// SPDX-License-Identifier: Apache-2.0
#include "sap/train/schedule.h"

#include <cmath>
#include <numbers>

namespace sap::train {
namespace {

double HalfCosine(int64_t done, int64_t total) {
  if (done >= total) return 0.0;
  const double progress = static_cast<double>(done) / static_cast<double>(total);
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace

double RateFactor(const ScheduleOptions& options, int64_t epoch, int64_t max_epochs) {
  if (options.kind == ScheduleKind::kConstant) return 1.0;
  const int64_t warmup = options.warmup_epochs;
  if (epoch < warmup) {
    return warmup > 1 ? static_cast<double>(epoch) / static_cast<double>(warmup - 1) : 1.0;
  }
  return HalfCosine(epoch - warmup, max_epochs - warmup);
}

double StepRateFactor(const ScheduleOptions& options, int64_t step, int64_t max_steps) {
  if (options.kind == ScheduleKind::kConstant) return 1.0;
  const int64_t warmup = options.warmup_steps.value_or(0);
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(warmup);
  return HalfCosine(step - warmup, max_steps - warmup);
}

}  // namespace sap::train
