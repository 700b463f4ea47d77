// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/data/instance_sampler.h"
#include "sap/data/loader.h"
#include "sap/data/volume_store.h"
#include "sap/ssl/heads.h"
#include "sap/ssl/ssl_losses.h"
#include "sap/ssl/views.h"
#include "sap/train/amp.h"
#include "sap/train/segmentation_task.h"
#include "sap/train/task.h"

namespace sap::ssl {

inline constexpr int64_t kPictureCrops = 10;  // rows of a picture, at most

struct SslOptions {
  ViewOptions views;
  SslLossOptions losses;
  data::LoaderOptions loader;  // batch_size: crops a step, each seen in two views
  XyzInt patch_size_vox = {96, 96, 96};
  int64_t steps_per_epoch = 100;
  int num_validation_crops = 32;
  std::string picture_dir;  // empty: no pictures
  train::Precision precision = train::Precision::kAuto;
  uint64_t seed = 42;

  // What no other task has; the rest is said by its own options or by the program.
  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("steps_per_epoch", steps_per_epoch)
        .Help("steps that count as one epoch: there is no pass over all crops")
        .AtLeast(1);
    v.Field("num_validation_crops", num_validation_crops)
        .Help("fixed crops to validate on, rounded up to whole batches")
        .AtLeast(1);
    v.Group("views", views);
    v.Group("losses", losses);
  }
};

// Self-supervised pretraining of the Swin encoder (swin_unetr §4): crops from inside the body, two
// views of each, three losses. Labels are never read.
class SslTask : public train::Task {
 public:
  // Throws kOption for a crop size on which neither views nor two tokens can be had, and for one
  // crop a step, of which the contrastive loss learns nothing; kInput for fewer training cases
  // than crops a step.
  SslTask(SslNet model,
          std::shared_ptr<const data::VolumeStore> store,
          train::CaseSets cases,
          const SslOptions& options,
          c10::Device device);

  torch::nn::Module& Model() override { return *model_; }
  int64_t StepsPerEpoch() const override { return options_.steps_per_epoch; }
  std::unique_ptr<data::Loader> Batches(int64_t epoch, int64_t first_step) override;
  // The views follow from the seed, the epoch of the last Batches and the batch's sample ids.
  train::LossParts Loss(const data::Batch& batch) override;
  // Fixed crops in fixed views; score is the negative L1. Also draws the picture of them, or of
  // training crops where no case is held out.
  std::optional<train::Scores> Validate() override;

 private:
  struct Passed {
    Views views;  // on the device
    SslOutput output;
    SslLosses losses;
  };
  Passed Pass(const data::Batch& batch, uint64_t seed, uint64_t epoch);
  void ForEachFixedBatch(const std::vector<std::size_t>& case_idxs,
                         int64_t num_crops,
                         const std::function<void(const Passed&)>& visit);

  SslNet model_;
  std::shared_ptr<const data::VolumeStore> store_;
  train::CaseSets cases_;
  SslOptions options_;
  c10::Device device_;
  bool bf16_;
  uint64_t epoch_ = 0;
};

}  // namespace sap::ssl
