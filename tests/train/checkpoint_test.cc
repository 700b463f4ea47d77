// SPDX-License-Identifier: Apache-2.0
#include "sap/train/checkpoint.h"

#include <fstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/shared_folder.h"

namespace sap::train {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;

Checkpoint Sample(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.state = {.epoch = 2, .step_in_epoch = 3, .step = step, .epoch_loss_sum = 0.1 + 0.2};
  checkpoint.state.best_score = 1.0 / 3.0;
  checkpoint.model = {{"w", at::full({2, 3}, static_cast<double>(step))}};
  checkpoint.optimizer = {{"exp_avg.w", at::ones({2, 3})}, {"step.w", at::scalar_tensor(5.0F)}};
  checkpoint.generator = at::arange(16, at::kByte);
  checkpoint.run_hash = "hash";
  return checkpoint;
}

TEST(Checkpoint, RoundTripKeepsEveryBit) {
  const fs::path folder = FreshFolder();
  SaveCheckpoint(folder, Sample(7), 2);
  const Checkpoint loaded = LoadNewestCheckpoint(folder, "hash").value();
  EXPECT_EQ(loaded.state.step, 7);
  EXPECT_EQ(loaded.state.epoch_loss_sum, 0.1 + 0.2);
  EXPECT_EQ(loaded.state.best_score, 1.0 / 3.0);
  EXPECT_TRUE(at::equal(loaded.model.at(0).second, Sample(7).model.at(0).second));
  EXPECT_EQ(loaded.optimizer.size(), 2U);
  EXPECT_TRUE(at::equal(loaded.generator, Sample(7).generator));
}

TEST(Checkpoint, KeepsTheNewestOnly) {
  const fs::path folder = FreshFolder();
  for (const int64_t step : {5, 10, 15}) SaveCheckpoint(folder, Sample(step), 2);
  EXPECT_FALSE(fs::exists(folder / "step-000000005"));
  EXPECT_TRUE(fs::exists(folder / "step-000000010"));
  EXPECT_EQ(LoadNewestCheckpoint(folder, "hash")->state.step, 15);
}

// One flipped byte, one missing byte, a missing manifest: each falls back to the one before.
TEST(Checkpoint, DamagedOneFallsBackToTheOneBefore) {
  const std::vector<std::function<void(const fs::path&)>> faults = {
      [](const fs::path& f) {
        std::fstream file(f / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(-1, std::ios::end);
        file.put('\x55');
      },
      [](const fs::path& f) {
        fs::resize_file(f / "optimizer.safetensors",
                        fs::file_size(f / "optimizer.safetensors") - 1);
      },
      [](const fs::path& f) { fs::remove(f / "manifest.json"); },
      [](const fs::path& f) { std::ofstream(f / "manifest.json") << "{"; }};
  for (const auto& damage : faults) {
    const fs::path folder = FreshFolder();
    SaveCheckpoint(folder, Sample(1), 2);
    SaveCheckpoint(folder, Sample(2), 2);
    damage(folder / "step-000000002");
    EXPECT_EQ(LoadNewestCheckpoint(folder, "hash")->state.step, 1);
  }
}

TEST(Checkpoint, OfAnotherRunIsRefused) {
  const fs::path folder = FreshFolder();
  SaveCheckpoint(folder, Sample(1), 2);
  try {
    LoadNewestCheckpoint(folder, "another");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("another config"));
  }
}

TEST(Checkpoint, NoneIsNothing) {
  EXPECT_FALSE(LoadNewestCheckpoint(FreshFolder(), "hash").has_value());
}

}  // namespace
}  // namespace sap::train
