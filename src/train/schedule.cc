// SPDX-License-Identifier: Apache-2.0
#include "sap/train/schedule.h"

#include <cmath>
#include <numbers>

namespace sap::train {

double RateFactor(const ScheduleOptions& options, int64_t epoch, int64_t max_epochs) {
  if (options.kind == ScheduleKind::kConstant) return 1.0;
  const int64_t warmup = options.warmup_epochs;
  if (epoch < warmup) {
    return warmup > 1 ? static_cast<double>(epoch) / static_cast<double>(warmup - 1) : 1.0;
  }
  if (epoch >= max_epochs) return 0.0;
  const double progress =
      static_cast<double>(epoch - warmup) / static_cast<double>(max_epochs - warmup);
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace sap::train
