// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/data/cohort.h"
#include "sap/data/splits.h"
#include "sap/data/volume_store.h"
#include "sap/nn/swin_options.h"
#include "sap/ssl/ssl_task.h"
#include "sap/train/run_dir.h"
#include "sap/train/segmentation_task.h"
#include "sap/train/trainer.h"
#include "sap/transfer/init_strategy.h"

namespace sap::cli {

enum class TaskKind { kSkeleton, kLesion, kSsl };
enum class DeviceKind { kAuto, kCpu, kCuda };

// What task: ssl alone reads.
struct SslRunOptions {
  nn::Reconstruction reconstruction = nn::Reconstruction::kVae;
  bool patients = false;
  ssl::SslOptions task;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("reconstruction", reconstruction).Help("head that rebuilds the view's clean image");
    v.Field("patients", patients)
        .Help(
            "also learn from scans with lesions, or whose role in cohort.yaml is not healthy; such "
            "subjects can then be tested on no more");
    task.Describe(v);
  }
};

// One training run: everything that `sap-train --config it.yaml` can say.
struct TrainConfig {
  TaskKind task = TaskKind::kLesion;
  std::string name = "run";
  std::string output_dir = "runs";
  std::optional<int> fold;
  std::vector<std::string> train_cases;
  std::vector<std::string> val_cases;
  std::string val_path;
  bool train_on_tuning_fold = true;
  XyzInt roi_size{96, 96, 96};
  double lr = 1e-5;
  std::optional<double> encoder_lr;
  std::optional<double> decoder_lr;
  std::optional<double> head_lr;
  int num_threads = 0;
  DeviceKind device = DeviceKind::kAuto;
  train::ResumeRule resume = train::ResumeRule::kAuto;
  data::CohortOptions data;
  data::SplitOptions split;
  data::StoreOptions store;
  nn::SwinUnetrOptions model;
  transfer::InitOptions init;
  train::SegmentationOptions segmentation;
  SslRunOptions ssl;
  train::TrainerOptions trainer;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("task", task)
        .Help(
            "skeleton: the nine bone regions; lesion: metastases; ssl: the encoder from unlabelled "
            "scans");
    v.Field("name", name).Help("the run's folder under output_dir");
    v.Alias("run_name", "name");
    v.Field("output_dir", output_dir).Help("folder of all runs");
    v.Field("fold", fold).Help("fold that is held out, from 0; null = train on every case");
    v.Field("train_cases", train_cases).Help("case ids to train on, in place of fold");
    v.Field("val_cases", val_cases).Help("case ids to validate on, in place of fold");
    v.Field("val_path", val_path).Help("a second cohort, only to validate on; empty = none");
    v.Field("train_on_tuning_fold", train_on_tuning_fold)
        .Help("as in the paper: test runs train on the tuning fold too");
    v.Field("seed", segmentation.seed).Help("seed of weights, patches and augmentation");
    v.Field("roi_size", roi_size).Help("patch and window edges [voxels]").MultipleOf(32);
    v.Field("lr", lr).Help("learning rate from random weights").Range(0, 10);
    v.Alias("optim_lr", "lr");
    v.Field("encoder_lr", encoder_lr)
        .Help("encoder rate after a transfer; null = 2e-6 (sap), 5e-6 (ssl)")
        .Range(0, 10);
    v.Field("decoder_lr", decoder_lr)
        .Help("decoder rate after a transfer; null = 1e-5")
        .Range(0, 10);
    v.Field("head_lr", head_lr)
        .Help("rate of the output layer alone; null = the decoder's")
        .Range(0, 10);
    v.Field("precision", segmentation.precision).Help("bf16 where the processor is good at it");
    v.Field("num_threads", num_threads).Help("0 = all cores this process may use").Range(0, 1024);
    v.Field("device", device).Help("auto takes a GPU when there is one");
    v.Field("resume", resume).Help("auto continues, must needs a checkpoint, never refuses one");
    v.Field("sampling", segmentation.sampling)
        .Help("instances: one patch per lesion and epoch; regions: classes drawn evenly");
    v.Field("negatives_per_positive", segmentation.instances.negatives_per_positive)
        .Help("background patches per lesion patch (instances)")
        .Range(0, 100);
    v.Alias("ratio", "negatives_per_positive");
    v.Field("sampler", segmentation.instances.mode)
        .Help("fixed, or the authors' sampler as intended or as it runs (compat)");
    v.Field("min_body_frac", segmentation.instances.min_body_frac)
        .Help("least share of body in a background patch (instances)")
        .Range(0, 0.9);
    v.Field("patches_per_case", segmentation.regions.patches_per_case)
        .Help("patches per case and epoch (regions)")
        .Range(1, 10000);
    v.Field("foreground_frac", segmentation.regions.foreground_frac)
        .Help("share of patches around a labelled voxel (regions)")
        .Range(0, 1);
    v.Field("validation", segmentation.validation)
        .Help("patches: fixed ones; volumes: sliding window over whole cases");
    v.Field("overlap", segmentation.window.overlap_frac)
        .Help("shared part of neighbouring windows in validation")
        .Range(0, 0.9);
    v.Alias("infer_overlap", "overlap");
    v.Field("sw_batch_size", segmentation.window.windows_per_batch)
        .Help("windows per forward pass in validation")
        .Range(1, 256);
    segmentation.loader.Describe(v);
    trainer.Describe(v);
    model.Describe(v);
    v.Alias("use_checkpoint", "activation_checkpointing");
    v.Group("data", data);
    v.Alias("modalities", "data.modalities");
    v.Alias("spacing", "data.spacing");
    v.Group("split", split);
    v.Alias("num_folds", "split.num_folds");
    v.Group("store", store);
    v.Group("augment", segmentation.augment);
    v.Group("loss", segmentation.loss);
    v.Alias("squared_dice", "loss.squared");
    v.Alias("smooth_nr", "loss.smooth_nr");
    v.Alias("smooth_dr", "loss.smooth_dr");
    v.Group("init", init);
    v.Group("ssl", ssl);
  }
};

// What a task usually means, applied before the config is read. skeleton: reads skeleton.nii.gz
// with the nine regions, samples regions, validates volumes, has no tuning fold. ssl: needs no
// labels, has no tuning fold, and trains as the reference does (swin_unetr §4.4): AdamW at 4e-4,
// decay 0.1, 100,000 steps, warm-up over 500.
void ApplyTaskDefaults(const ConfigNode& config, TrainConfig& options);

// Copies what two options share (roi_size) and checks what spans several.
void FinishTrainConfig(TrainConfig& options);

// The resolved config without what may differ between attempts at the same run.
std::string RunIdentity(TrainConfig options);

}  // namespace sap::cli

template <>
struct sap::EnumNames<sap::cli::TaskKind> {
  static constexpr std::pair<sap::cli::TaskKind, std::string_view> kNames[] = {
      {sap::cli::TaskKind::kSkeleton, "skeleton"},
      {sap::cli::TaskKind::kLesion, "lesion"},
      {sap::cli::TaskKind::kSsl, "ssl"}};
};
template <>
struct sap::EnumNames<sap::cli::DeviceKind> {
  static constexpr std::pair<sap::cli::DeviceKind, std::string_view> kNames[] = {
      {sap::cli::DeviceKind::kAuto, "auto"},
      {sap::cli::DeviceKind::kCpu, "cpu"},
      {sap::cli::DeviceKind::kCuda, "cuda"}};
};
