// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/ssl_task.h"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tiny_store.h"
#include "sap/train/optimizer.h"
#include "support/read_png.h"
#include "support/shared_folder.h"

namespace sap::ssl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr XyzInt kRoi = {64, 32, 32};  // the smallest with two tokens

using StorePtr = std::shared_ptr<const data::VolumeStore>;

StorePtr Store() {
  return data::TinyStore({.num_cases = 4, .size_vox = {80, 48, 48}});
}

SslNet TinyNet() {
  at::manual_seed(1);
  SslNetOptions options;
  options.encoder.feature_size = 12;
  return SslNet(options);
}

SslOptions TinyOptions() {
  SslOptions options;
  options.patch_size_vox = kRoi;
  options.steps_per_epoch = 3;
  options.num_validation_crops = 4;
  options.precision = train::Precision::kFp32;
  return options;
}

SslTask MakeTask(const StorePtr& store,
                 const SslOptions& options,
                 train::CaseSets cases = {{0, 1, 2}, {3}}) {
  return {TinyNet(), store, std::move(cases), options, c10::kCPU};
}

train::Optimizer MakeOptimizer(SslTask& task, double lr) {
  train::RateGroup group{.name = "all", .base_lr = lr, .parameters = {}};
  for (const auto& item : task.Model().named_parameters()) {
    group.parameters.emplace_back(item.key(), item.value());
  }
  return {{group}, {.kind = train::OptimizerKind::kAdamW, .weight_decay = 0.1}};
}

std::vector<double> Train(SslTask& task, train::Optimizer& optimizer, int64_t num_epochs) {
  std::vector<double> losses;
  task.Model().train();
  for (int64_t epoch = 0; epoch < num_epochs; ++epoch) {
    const auto batches = task.Batches(epoch, 0);
    while (const auto batch = batches->Next()) {
      optimizer.ZeroGrad();
      const train::LossParts loss = task.Loss(*batch);
      loss.total.backward();
      optimizer.Step(1.0);
      losses.push_back(loss.total.item<double>());
    }
  }
  return losses;
}

std::vector<data::Batch> AllBatches(SslTask& task, int64_t epoch, int64_t first_step) {
  std::vector<data::Batch> all;
  const auto batches = task.Batches(epoch, first_step);
  while (auto batch = batches->Next()) all.push_back(std::move(*batch));
  return all;
}

TEST(SslTask, AnEpochIsStepsOfUnlabelledCropsAndResumesInside) {
  SslTask task = MakeTask(Store(), TinyOptions());
  EXPECT_EQ(task.StepsPerEpoch(), 3);
  const auto whole = AllBatches(task, 1, 0);
  ASSERT_EQ(whole.size(), 3U);
  EXPECT_EQ(whole[0].image_BCXYZ.sizes().vec(), (std::vector<int64_t>{2, 2, 64, 32, 32}));
  EXPECT_FALSE(whole[0].label_B1XYZ.defined());
  const auto rest = AllBatches(task, 1, 1);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_TRUE(rest[0].image_BCXYZ.equal(whole[1].image_BCXYZ));
  EXPECT_FALSE(AllBatches(task, 2, 0)[0].image_BCXYZ.equal(whole[0].image_BCXYZ));
}

TEST(SslTask, LossFollowsFromSamplesAndEpochNotFromTheBatchesBefore) {
  const at::NoGradGuard no_grad;
  SslTask task = MakeTask(Store(), TinyOptions());
  const auto batches = AllBatches(task, 0, 0);
  const train::LossParts forward = task.Loss(batches[1]);
  task.Loss(batches[0]);
  const train::LossParts again = task.Loss(batches[1]);
  EXPECT_TRUE(forward.total.equal(again.total));
  EXPECT_EQ(forward.parts, again.parts);
  EXPECT_NE(forward.parts, task.Loss(batches[0]).parts);
  data::Batch renamed = batches[1];  // the same voxels as other samples: other views
  renamed.requests[0].sample_id += 100;
  EXPECT_NE(forward.parts, task.Loss(renamed).parts);
  task.Batches(1, 0);
  EXPECT_NE(forward.parts, task.Loss(batches[1]).parts);
}

TEST(SslTask, TrainingIsDeterministic) {
  SslOptions options = TinyOptions();
  options.steps_per_epoch = 2;
  const StorePtr store = Store();
  const auto run = [&] {
    SslTask task = MakeTask(store, options);
    train::Optimizer optimizer = MakeOptimizer(task, 1e-3);
    std::vector<double> losses = Train(task, optimizer, 1);
    losses.push_back(task.Validate()->score);
    return losses;
  };
  EXPECT_EQ(run(), run());
}

// Crops of held-out cases, whose reconstruction the fresh network cannot know.
TEST(SslTask, LossFallsAndHeldOutReconstructionHalvesInAShortRun) {
  SslOptions options = TinyOptions();
  options.steps_per_epoch = 40;
  SslTask task = MakeTask(Store(), options);
  task.Model().eval();
  const train::Scores before = task.Validate().value();
  train::Optimizer optimizer = MakeOptimizer(task, 3e-3);
  const std::vector<double> losses = Train(task, optimizer, 1);
  task.Model().eval();
  const train::Scores after = task.Validate().value();
  const auto mean_of_five = [&](std::size_t first) {
    return std::accumulate(losses.begin() + static_cast<int64_t>(first),
                           losses.begin() + static_cast<int64_t>(first) + 5,
                           0.0) /
           5;
  };
  EXPECT_LT(mean_of_five(losses.size() - 5), 0.9 * mean_of_five(0));
  EXPECT_LT(after.numbers.at("l1"), 0.5 * before.numbers.at("l1"));
  RecordProperty("l1_before", std::to_string(before.numbers.at("l1")));
  RecordProperty("l1_after", std::to_string(after.numbers.at("l1")));
}

TEST(SslTask, ValidationHasASeedOfItsOwnAndScoresByL1) {
  const StorePtr store = Store();
  SslOptions options = TinyOptions();
  SslTask task = MakeTask(store, options);
  options.seed = 1234;
  SslTask other = MakeTask(store, options);
  task.Model().eval();
  other.Model().eval();
  const train::Scores scores = task.Validate().value();
  task.Batches(7, 0);  // another epoch: the same crops and views
  EXPECT_EQ(task.Validate()->numbers, scores.numbers);
  EXPECT_EQ(other.Validate()->numbers, scores.numbers);
  EXPECT_EQ(scores.score, -scores.numbers.at("l1"));
  EXPECT_NEAR(scores.numbers.at("total"),
              scores.numbers.at("l1") + scores.numbers.at("contrastive") + std::log(4.0),
              0.5);  // fresh rotation logits are near zero
  EXPECT_GE(scores.numbers.at("rotation_acc"), 0.0);
  EXPECT_LE(scores.numbers.at("rotation_acc"), 1.0);
}

// A head that always says k is right for the views that were turned k quarters.
TEST(SslTask, RotationAccuracyCountsTheViewsOfEachTurn) {
  SslOptions options = TinyOptions();
  options.num_validation_crops = 8;
  SslTask task = MakeTask(Store(), options);
  task.Model().eval();
  const at::NoGradGuard no_grad;
  auto parameters = task.Model().named_parameters();
  parameters["rotation_head.weight"].zero_();
  double sum = 0;
  for (int64_t k = 0; k < kNumRotations; ++k) {
    parameters["rotation_head.bias"].zero_()[k].fill_(5.0);
    const double accuracy = task.Validate()->numbers.at("rotation_acc");
    EXPECT_EQ(accuracy * 16, std::round(accuracy * 16)) << k;  // of 16 views
    EXPECT_LT(accuracy, 1.0) << k;
    sum += accuracy;
  }
  EXPECT_DOUBLE_EQ(sum, 1.0);
}

TEST(SslTask, ValidationDrawsItsCropsWithTheirViews) {
  SslOptions options = TinyOptions();
  options.num_validation_crops = 12;
  options.picture_dir = (testing::FreshFolder() / "pictures").string();
  SslTask task = MakeTask(Store(), options);
  task.Batches(4, 0);
  task.Validate();
  // Six panels of 32 voxels, three times enlarged, and ten rows, each with a margin of 4.
  const Tensor grey = testing::ReadGrayPng(fs::path(options.picture_dir) / "views_epoch_0005.png");
  EXPECT_EQ(grey.sizes().vec(), (std::vector<int64_t>{10 * 100, 6 * 100}));
}

TEST(SslTask, WithoutHeldOutCasesThereIsAPictureButNoScore) {
  SslOptions options = TinyOptions();
  options.picture_dir = (testing::FreshFolder() / "pictures").string();
  const StorePtr store = Store();
  SslTask drawing = MakeTask(store, options, {{0, 1, 2}, {}});
  EXPECT_FALSE(drawing.Validate().has_value());
  EXPECT_TRUE(fs::exists(fs::path(options.picture_dir) / "views_epoch_0001.png"));
  options.picture_dir = "";
  EXPECT_FALSE(MakeTask(store, options, {{0, 1, 2}, {}}).Validate().has_value());
}

TEST(SslTask, RefusesEachBadInputWithOneMessage) {
  const StorePtr store = Store();
  const auto refusal = [&](const SslOptions& options) {
    return data::ErrorOf([&] { MakeTask(store, options); });
  };
  const auto with_roi = [](const XyzInt& roi) {
    SslOptions options = TinyOptions();
    options.patch_size_vox = roi;
    return options;
  };
  const data::Thrown small = refusal(with_roi({16, 32, 32}));
  EXPECT_EQ(small.kind, ErrorKind::kOption);
  EXPECT_THAT(small.text, AllOf(HasSubstr("roi_size 16x32x32"), HasSubstr("20 voxels")));
  EXPECT_THAT(refusal(with_roi({64, 32, 64})).text,
              AllOf(HasSubstr("roi_size 64x32x64"), HasSubstr("equal")));
  EXPECT_THAT(refusal(with_roi({48, 32, 32})).text,
              AllOf(HasSubstr("roi_size 48x32x32"), HasSubstr("multiples of 32")));
  EXPECT_THAT(refusal(with_roi({32, 32, 32})).text,
              AllOf(HasSubstr("roi_size 32x32x32"), HasSubstr("64x32x32")));

  SslOptions alone = TinyOptions();
  alone.loader.batch_size = 1;
  EXPECT_THAT(refusal(alone).text, AllOf(HasSubstr("batch_size 1"), HasSubstr("exactly 0")));
  alone.losses.contrastive_weight = 0;
  EXPECT_EQ(refusal(alone).text, "");

  SslOptions many = TinyOptions();
  many.loader.batch_size = 4;
  const data::Thrown few = refusal(many);
  EXPECT_EQ(few.kind, ErrorKind::kInput);
  EXPECT_THAT(few.text, AllOf(HasSubstr("3 training cases"), HasSubstr("batch_size 4")));
}

}  // namespace
}  // namespace sap::ssl
