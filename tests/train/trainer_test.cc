// SPDX-License-Identifier: Apache-2.0
#include "sap/train/trainer.h"

#include <limits>
#include <sstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/nn/weights_io.h"
#include "sap/train/segmentation_task.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

namespace sap::train {
namespace {

using ::testing::AllOf;
using testing::FreshFolder;
using ::testing::HasSubstr;

constexpr XyzInt kRoi = {32, 32, 64};

std::shared_ptr<const data::VolumeStore> TinyStore(const fs::path& folder) {
  testing::MakeTinyCohort(folder / "cohort", {.num_cases = 3, .size_vox = {64, 64, 160}});
  const data::CohortOptions options{.path = (folder / "cohort").string()};
  return data::OpenOrBuildStore(data::LoadCohort(options),
                                {.cache_dir = (folder / "cache").string()});
}

SegmentationOptions TinyOptions() {
  SegmentationOptions options;
  options.instances.patch_size_vox = kRoi;
  options.regions.patch_size_vox = kRoi;
  options.window.window_vox = kRoi;
  options.precision = Precision::kFp32;
  return options;
}

std::vector<RateGroup> OneGroup(Task& task, double lr) {
  RateGroup group{.name = "all", .base_lr = lr};
  for (const auto& item : task.Model().named_parameters()) {
    group.parameters.emplace_back(item.key(), item.value());
  }
  return {group};
}

nn::SwinUnetr TinyModel(uint64_t seed) {
  at::manual_seed(seed);
  return nn::SwinUnetr(nn::SwinUnetrOptions{.feature_size = 12});
}

TEST(SegmentationTask, EpochHasEveryLesionOnceAndAsManyBackgroundPatches) {
  const auto store = TinyStore(FreshFolder());
  SegmentationTask task(TinyModel(1), store, {{0, 1}, {2}}, TinyOptions(), c10::kCPU);
  EXPECT_EQ(task.StepsPerEpoch(), 4);  // 2 cases x 2 lesions x (1 + 1) patches / batch of 2
  int num_patches = 0;
  const auto batches = task.Batches(0, 1);
  while (const auto batch = batches->Next())
    num_patches += static_cast<int>(batch->case_ids.size());
  EXPECT_EQ(num_patches, 6);  // the first step was done before
}

TEST(SegmentationTask, ValidationIsDeterministic) {
  const auto store = TinyStore(FreshFolder());
  for (const ValidationMode mode : {ValidationMode::kPatches, ValidationMode::kVolumes}) {
    SegmentationOptions options = TinyOptions();
    options.validation = mode;
    SegmentationTask task(TinyModel(1), store, {{0, 1}, {2}}, options, c10::kCPU);
    task.Model().eval();
    const Scores first = task.Validate().value();
    const Scores second = task.Validate().value();
    EXPECT_EQ(first.score, second.score);
    EXPECT_EQ(first.numbers, second.numbers);
  }
}

TEST(SegmentationTask, WithoutValidationCasesThereIsNoScore) {
  const auto store = TinyStore(FreshFolder());
  SegmentationTask task(TinyModel(1), store, {{0}, {}}, TinyOptions(), c10::kCPU);
  EXPECT_FALSE(task.Validate().has_value());
}

TEST(Trainer, LossFallsAndWeightsCarryTheirMetadata) {
  const fs::path folder = FreshFolder();
  SegmentationTask task(TinyModel(1), TinyStore(folder), {{0, 1}, {2}}, TinyOptions(), c10::kCPU);
  Optimizer optimizer(OneGroup(task, 3e-3), {});
  RunDir run(folder / "run", "a: 1\n", ResumeRule::kAuto);
  const TrainerOptions options{
      .max_epochs = 5, .val_interval = 5, .schedule = {.kind = ScheduleKind::kConstant}};
  Trainer trainer(task, optimizer, run, options, {{"sap.task", "lesion"}}, "hash");
  EXPECT_EQ(trainer.Run(), TrainOutcome::kFinished);
  std::vector<double> losses;
  std::istringstream lines(ReadFile(run.files().Metrics()));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line);
    if (entry["kind"] == "epoch") losses.push_back(entry["loss"]);
  }
  ASSERT_EQ(losses.size(), 5U);
  EXPECT_LT(losses.back(), losses.front());
  const nn::NamedTensors weights = nn::ReadSafetensors(run.files().Final());
  EXPECT_EQ(weights.metadata.at("sap.task"), "lesion");
  EXPECT_EQ(weights.metadata.at("sap.step"), "20");
  EXPECT_EQ(weights.entries.size(), nn::kNumEntries);
  EXPECT_TRUE(fs::exists(run.files().Best()));
}

TEST(Trainer, CountsStepsAndFollowsTheScheduleByStepsWhereAsked) {
  const fs::path folder = FreshFolder();
  SegmentationTask task(TinyModel(1), TinyStore(folder), {{0, 1}, {2}}, TinyOptions(), c10::kCPU);
  Optimizer optimizer(OneGroup(task, 1.0e-3), {});
  RunDir run(folder / "run", "a: 1\n", ResumeRule::kAuto);
  const TrainerOptions options{
      .max_steps = 6, .val_interval = 1, .log_interval_steps = 1, .schedule = {.warmup_steps = 2}};
  Trainer trainer(task, optimizer, run, options, {}, "hash");
  EXPECT_EQ(trainer.Run(), TrainOutcome::kFinished);
  EXPECT_EQ(trainer.state().step, 6);
  EXPECT_EQ(trainer.state().epoch, 2);  // four steps and two
  std::vector<double> rates;
  int num_validations = 0;
  std::istringstream lines(ReadFile(run.files().Metrics()));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line);
    if (entry["kind"] == "step") rates.push_back(entry["lr_all"]);
    if (entry["kind"] == "validation") ++num_validations;
  }
  ASSERT_EQ(rates.size(), 6U);
  EXPECT_EQ(num_validations, 2);
  for (int64_t k = 0; k < 6; ++k) {
    EXPECT_DOUBLE_EQ(rates[static_cast<std::size_t>(k)],
                     1.0e-3 * StepRateFactor(options.schedule, k, 6));
  }
}

// A Task whose loss is what the test wants.
class ScriptedTask : public Task {
 public:
  explicit ScriptedTask(const fs::path& folder)
      : inner_(TinyModel(1), TinyStore(folder), {{0, 1}, {}}, TinyOptions(), c10::kCPU) {}
  torch::nn::Module& Model() override { return inner_.Model(); }
  int64_t StepsPerEpoch() const override { return inner_.StepsPerEpoch(); }
  std::unique_ptr<data::Loader> Batches(int64_t epoch, int64_t first_step) override {
    return inner_.Batches(epoch, first_step);
  }
  LossParts Loss(const data::Batch& /*batch*/) override {
    const Tensor weight = inner_.Model().parameters()[0];
    return {weight.sum() * std::numeric_limits<double>::infinity(), {}};
  }
  std::optional<Scores> Validate() override { return std::nullopt; }

 private:
  SegmentationTask inner_;
};

TEST(Trainer, NonFiniteLossStopsBeforeTheUpdateAndNamesTheCases) {
  const fs::path folder = FreshFolder();
  ScriptedTask task(folder);
  const Tensor before = task.Model().parameters()[0].detach().clone();
  Optimizer optimizer(OneGroup(task, 1e-3), {});
  RunDir run(folder / "run", "a: 1\n", ResumeRule::kAuto);
  Trainer trainer(task, optimizer, run, {.max_epochs = 1}, {}, "hash");
  try {
    trainer.Run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNumeric);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("step 0"), HasSubstr("case_0"), HasSubstr("nothing was updated")));
  }
  EXPECT_TRUE(at::equal(task.Model().parameters()[0].detach(), before));
}

}  // namespace
}  // namespace sap::train
