// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/data/augment.h"
#include "sap/data/instance_sampler.h"
#include "sap/data/loader.h"
#include "sap/data/volume_store.h"
#include "sap/infer/sliding_window.h"
#include "sap/nn/losses.h"
#include "sap/nn/swin_unetr.h"
#include "sap/train/amp.h"
#include "sap/train/task.h"

namespace sap::train {

// How an epoch's patches are planned: around each lesion once (instance-balanced), or around
// random voxels of evenly drawn classes.
enum class Sampling { kInstances, kRegions };
enum class ValidationMode { kPatches, kVolumes };

struct SegmentationOptions {
  Sampling sampling = Sampling::kInstances;
  ValidationMode validation = ValidationMode::kPatches;
  data::SamplerOptions instances;
  data::RegionSamplerOptions regions;
  data::AugmentOptions augment;
  data::LoaderOptions loader;
  nn::DiceCeOptions loss;
  infer::SlidingWindowOptions window;  // of whole-volume validation
  Precision precision = Precision::kAuto;
  uint64_t seed = 42;
};

struct CaseSets {
  std::vector<std::size_t> train;
  std::vector<std::size_t> validation;
};

// Voxel-wise segmentation of patches: the skeleton's regions, or lesions.
class SegmentationTask : public Task {
 public:
  SegmentationTask(nn::SwinUnetr model,
                   std::shared_ptr<const data::VolumeStore> store,
                   CaseSets cases,
                   const SegmentationOptions& options,
                   c10::Device device);

  torch::nn::Module& Model() override { return *model_; }
  int64_t StepsPerEpoch() const override { return steps_per_epoch_; }
  std::unique_ptr<data::Loader> Batches(int64_t epoch, int64_t first_step) override;
  LossParts Loss(const data::Batch& batch) override;
  std::optional<Scores> Validate() override;

 private:
  data::EpochPlan Plan(int64_t epoch) const;
  Tensor Logits(const Tensor& image_BCXYZ);
  Scores ValidatePatches();
  Scores ValidateVolumes();
  XyzInt PatchSize() const;

  nn::SwinUnetr model_;
  std::shared_ptr<const data::VolumeStore> store_;
  CaseSets cases_;
  SegmentationOptions options_;
  c10::Device device_;
  bool bf16_;
  int64_t steps_per_epoch_ = 0;  // every epoch has as many, and planning one costs
};

}  // namespace sap::train

template <>
struct sap::EnumNames<sap::train::Sampling> {
  static constexpr std::pair<sap::train::Sampling, std::string_view> kNames[] = {
      {sap::train::Sampling::kInstances, "instances"}, {sap::train::Sampling::kRegions, "regions"}};
};
template <>
struct sap::EnumNames<sap::train::ValidationMode> {
  static constexpr std::pair<sap::train::ValidationMode, std::string_view> kNames[] = {
      {sap::train::ValidationMode::kPatches, "patches"},
      {sap::train::ValidationMode::kVolumes, "volumes"}};
};
