// SPDX-License-Identifier: Apache-2.0
#include "sap/train/schedule.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/shared_folder.h"

namespace sap::train {
namespace {

// Values of swin_unetr §2.2: base 1e-5, W 10, M 400.
TEST(RateFactor, EqualsThePublishedSchedule) {
  const ScheduleOptions options{.warmup_epochs = 10};
  EXPECT_EQ(RateFactor(options, 0, 400), 0.0);
  EXPECT_NEAR(RateFactor(options, 1, 400) * 1e-5, 1.1111111111111112e-06, 1e-20);
  EXPECT_EQ(RateFactor(options, 9, 400), 1.0);
  EXPECT_EQ(RateFactor(options, 10, 400), 1.0);
  EXPECT_NEAR(RateFactor(options, 11, 400) * 1e-5, 9.999837778582641e-06, 1e-19);
  EXPECT_NEAR(RateFactor(options, 100, 400) * 1e-5, 8.742553740855507e-06, 1e-19);
  EXPECT_NEAR(RateFactor(options, 399, 400) * 1e-5, 1.6222141736021957e-10, 1e-19);
}

TEST(RateFactor, NeverRisesAgainAfterTheLastEpoch) {
  const ScheduleOptions options{.warmup_epochs = 2};
  for (int64_t epoch = 20; epoch < 60; ++epoch) EXPECT_EQ(RateFactor(options, epoch, 20), 0.0);
}

TEST(RateFactor, WithoutWarmupStartsAtTheFullRate) {
  EXPECT_EQ(RateFactor({.warmup_epochs = 0}, 0, 10), 1.0);
  EXPECT_EQ(RateFactor({.warmup_epochs = 1}, 0, 10), 1.0);
  EXPECT_EQ(RateFactor({.kind = ScheduleKind::kConstant}, 7, 10), 1.0);
}

TEST(RateFactor, EqualsLightningBoltsInEveryEpoch) {
  SAP_REQUIRE_SHARED(path, "golden/schedules.json");
  std::ifstream file(path);
  const auto golden = nlohmann::json::parse(file)["sap_epoch"];
  for (const auto& [name, run] : golden.items()) {
    const ScheduleOptions options{.warmup_epochs = run["warmup"]};
    for (std::size_t g = 0; g < run["base"].size(); ++g) {
      const double base = run["base"][g];
      for (std::size_t i = 0; i < run["index"].size(); ++i) {
        const double expected = run["values"][i].is_array() ? run["values"][i][g].get<double>()
                                                            : run["values"][g][i].get<double>();
        EXPECT_NEAR(base * RateFactor(options, run["index"][i], run["max"]), expected, 1e-14 * base)
            << name << " epoch " << run["index"][i];
      }
    }
  }
}

TEST(StepRateFactor, EqualsTheReferenceScheduleAndStaysDownAfterTheLastStep) {
  const ScheduleOptions options{.warmup_steps = 500};
  EXPECT_EQ(StepRateFactor(options, 0, 100000), 0.0);
  EXPECT_EQ(StepRateFactor(options, 500, 100000), 1.0);
  EXPECT_NEAR(StepRateFactor(options, 1000, 100000) * 6e-6, 5.999626168552972e-06, 1e-19);
  for (int64_t step = 100000; step < 150000; step += 7) {
    EXPECT_EQ(StepRateFactor(options, step, 100000), 0.0);
  }
  EXPECT_EQ(StepRateFactor({.warmup_steps = 0}, 0, 10), 1.0);
  EXPECT_EQ(StepRateFactor({.kind = ScheduleKind::kConstant, .warmup_steps = 9}, 3, 10), 1.0);
}

TEST(StepRateFactor, EqualsTheReferenceAtEveryStoredStepUpToTheLast) {
  SAP_REQUIRE_SHARED(path, "golden/schedules.json");
  std::ifstream file(path);
  const auto golden = nlohmann::json::parse(file)["ssl_step"];
  for (const auto& [name, run] : golden.items()) {
    const ScheduleOptions options{.warmup_steps = run["warmup"]};
    const double base = run["base"];
    for (std::size_t i = 0; i < run["index"].size(); ++i) {
      if (run["index"][i] > run["total"]) continue;  // there the reference rises again
      EXPECT_NEAR(base * StepRateFactor(options, run["index"][i], run["total"]),
                  run["values"][i].get<double>(),
                  1e-14 * base)
          << name << " step " << run["index"][i];
    }
  }
}

}  // namespace
}  // namespace sap::train
