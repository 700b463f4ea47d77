// SPDX-License-Identifier: Apache-2.0
#include "cli/train_config.h"

#include "sap/core/error.h"

namespace sap::cli {
namespace {

void SkeletonDefaults(TrainConfig& options) {
  options.data.label = "skeleton";
  options.data.labels.scheme = data::LabelScheme::kSkeleton;
  options.split.tuning_fold.reset();
  options.segmentation.sampling = train::Sampling::kRegions;
  options.segmentation.validation = train::ValidationMode::kVolumes;
}

void SslDefaults(const ConfigNode& config, TrainConfig& options) {
  options.data.require_labels = false;
  options.split.tuning_fold.reset();
  options.lr = 4e-4;
  if (config.Find("max_epochs") == nullptr) options.trainer.max_steps = 100000;
  options.trainer.optimizer.kind = train::OptimizerKind::kAdamW;
  options.trainer.optimizer.weight_decay = 0.1;
  options.trainer.schedule.warmup_steps = 500;
}

}  // namespace

void ApplyTaskDefaults(const ConfigNode& config, TrainConfig& options) {
  const ConfigNode* task = config.Find("task");
  if (task == nullptr) return;
  if (task->scalar == EnumName(TaskKind::kSkeleton)) SkeletonDefaults(options);
  if (task->scalar == EnumName(TaskKind::kSsl)) SslDefaults(config, options);
}

void FinishTrainConfig(TrainConfig& options) {
  options.segmentation.instances.patch_size_vox = options.roi_size;
  options.segmentation.regions.patch_size_vox = options.roi_size;
  options.segmentation.window.window_vox = options.roi_size;
  SAP_REQUIRE(ErrorKind::kOption,
              !options.data.path.empty(),
              "data.path: missing; name the cohort folder in the config or say --set "
              "data.path=FOLDER");
  SAP_REQUIRE(ErrorKind::kOption,
              !options.name.empty() && options.name.find("..") == std::string::npos,
              "name: '{}' is not a folder name below output_dir",
              options.name);
  SAP_REQUIRE(ErrorKind::kOption,
              options.train_cases.empty() || !options.fold,
              "train_cases and fold are both set; the cases of a run come from one of them");
  SAP_REQUIRE(ErrorKind::kOption,
              options.init.mode == transfer::InitMode::kRandom || !options.init.path.empty(),
              "init.path: missing; init.mode: {} needs the pretrained weights",
              EnumName(options.init.mode));
  ssl::SslOptions& pretraining = options.ssl.task;
  pretraining.patch_size_vox = options.roi_size;
  pretraining.loader = options.segmentation.loader;
  pretraining.precision = options.segmentation.precision;
  pretraining.seed = options.segmentation.seed;
  SAP_REQUIRE(ErrorKind::kOption,
              options.task != TaskKind::kSsl || options.init.mode != transfer::InitMode::kSap,
              "init.mode: sap does not go with task: ssl, which starts from random weights or goes "
              "on from those of another such run (init.mode: ssl)");
  data::CheckAugment(options.segmentation.augment,
                     static_cast<int64_t>(options.data.modalities.size()));
  if (options.store.cache_dir.empty()) options.store.cache_dir = options.output_dir + "/cache";
}

std::string RunIdentity(TrainConfig options) {
  const TrainConfig defaults;
  options.resume = defaults.resume;
  options.num_threads = defaults.num_threads;
  options.segmentation.loader.num_workers = defaults.segmentation.loader.num_workers;
  options.segmentation.loader.prefetch_batches = defaults.segmentation.loader.prefetch_batches;
  return OptionTable(options).Yaml();
}

}  // namespace sap::cli
