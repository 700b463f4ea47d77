// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "sap/core/enum_names.h"

namespace sap::train {

enum class ScheduleKind { kConstant, kWarmupCosine };

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kWarmupCosine;
  int64_t warmup_epochs = 10;
  std::optional<int64_t> warmup_steps;  // given: the rate changes with every step

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("lr_schedule", kind).Help("learning rate over epochs");
    v.Alias("lrschedule", "lr_schedule");
    v.Field("warmup_epochs", warmup_epochs)
        .Help("epochs of linear rise from 0; the full rate is reached in the last of them")
        .AtLeast(0);
    v.Field("warmup_steps", warmup_steps)
        .Help("steps of linear rise from 0, the schedule then goes by steps; null = by epochs")
        .AtLeast(0);
  }
};

// What the base rate is multiplied with in epoch `epoch` (0-based) of `max_epochs`, a pure
// function (swin_unetr §2.2): e / (W - 1) during the warm-up, then half a cosine down to 0 at
// max_epochs, and 0 beyond. One warm-up epoch, or none, starts at the full rate.
double RateFactor(const ScheduleOptions& options, int64_t epoch, int64_t max_epochs);

// The same by steps, with options.warmup_steps (swin_unetr §4.4): step / warm-up, then half a
// cosine down to 0 at max_steps, and 0 beyond, where the reference rises again.
double StepRateFactor(const ScheduleOptions& options, int64_t step, int64_t max_steps);

}  // namespace sap::train

template <>
struct sap::EnumNames<sap::train::ScheduleKind> {
  static constexpr std::pair<sap::train::ScheduleKind, std::string_view> kNames[] = {
      {sap::train::ScheduleKind::kConstant, "constant"},
      {sap::train::ScheduleKind::kWarmupCosine, "warmup_cosine"}};
};
