// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/ssl_task.h"

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/data/body_crops.h"
#include "sap/nn/swin_unetr.h"
#include "ssl/view_picture.h"

namespace sap::ssl {
namespace {

// The validation set must not move with the training seed, or scores of runs could not be compared.
constexpr uint64_t kValidationSeed = 1;

void CheckOptions(const SslOptions& options, std::size_t num_train_cases) {
  const XyzInt& size = options.patch_size_vox;
  CheckCropSize(size);
  int64_t num_tokens = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    SAP_REQUIRE(ErrorKind::kOption,
                size[a] % nn::kSizeMultiple == 0,
                "roi_size {} has {} voxels on axis {}; edges must be multiples of {}",
                size,
                size[a],
                "XYZ"[a],
                nn::kSizeMultiple);
    num_tokens *= size[a] / nn::kSizeMultiple;
  }
  SAP_REQUIRE(ErrorKind::kOption,
              num_tokens >= 2,
              "roi_size {} leaves one token at the encoder's deepest level, but pretraining reads "
              "two (rotation and contrastive head); make one edge 64 or longer, e.g. 64x32x32",
              size);
  const int batch_size = options.loader.batch_size;
  SAP_REQUIRE(ErrorKind::kOption,
              batch_size >= 2 || options.losses.contrastive_weight == 0,
              "batch_size {} gives a contrastive loss of exactly 0, because no other crop is there "
              "to tell from; set batch_size to 2 or more, or losses.contrastive_weight to 0",
              batch_size);
  SAP_REQUIRE(ErrorKind::kInput,
              num_train_cases >= static_cast<std::size_t>(batch_size),
              "{} training cases are fewer than batch_size {}, and the crops of a batch must come "
              "from different cases; add cases or lower batch_size",
              num_train_cases,
              batch_size);
}

ViewKey KeyOf(const data::Batch& batch, uint64_t seed, uint64_t epoch) {
  ViewKey key{.seed = seed, .epoch = epoch, .sample_ids = {}};
  for (const data::PatchRequest& request : batch.requests) {
    key.sample_ids.push_back(request.sample_id);
  }
  return key;
}

Views OnDevice(const Views& views, c10::Device device) {
  return {views.input_BCXYZ.to(device),
          views.target_BCXYZ.to(device),
          views.rotation_B.to(device),
          views.mask_BXYZ.to(device)};
}

double RotationAccuracy(const Tensor& logits_B4, const Tensor& rotation_B) {
  return logits_B4.argmax(1).eq(rotation_B).to(at::kDouble).mean().item<double>();
}

}  // namespace

SslTask::SslTask(SslNet model,
                 std::shared_ptr<const data::VolumeStore> store,
                 train::CaseSets cases,
                 const SslOptions& options,
                 c10::Device device)
    : model_(std::move(model)),
      store_(std::move(store)),
      cases_(std::move(cases)),
      options_(options),
      device_(device),
      bf16_(train::UseBf16(options.precision, device)) {
  CheckOptions(options_, cases_.train.size());
  model_->to(device_);
}

std::unique_ptr<data::Loader> SslTask::Batches(int64_t epoch, int64_t first_step) {
  epoch_ = static_cast<uint64_t>(epoch);
  const data::BodyCropOptions crops{.patch_size_vox = options_.patch_size_vox,
                                    .num_batches = options_.steps_per_epoch,
                                    .crops_per_batch = options_.loader.batch_size};
  return std::make_unique<data::Loader>(
      store_,
      data::Loader::Epoch{
          .plan = data::PlanBodyCrops(*store_, cases_.train, crops, options_.seed, epoch_),
          .patch_size_vox = options_.patch_size_vox,
          .seed = options_.seed,
          .epoch = epoch_,
          .start_batch = first_step,
          .with_labels = false},
      options_.loader);
}

SslTask::Passed SslTask::Pass(const data::Batch& batch, uint64_t seed, uint64_t epoch) {
  Passed passed;
  passed.views =
      OnDevice(MakeViews(batch.image_BCXYZ, options_.views, KeyOf(batch, seed, epoch)), device_);
  {
    const train::AutocastScope autocast(bf16_, device_.type());
    passed.output = model_->forward(passed.views.input_BCXYZ);
  }
  passed.losses = SslLoss(passed.output, passed.views, options_.losses);
  return passed;
}

train::LossParts SslTask::Loss(const data::Batch& batch) {
  const SslLosses losses = Pass(batch, options_.seed, epoch_).losses;
  return {losses.total,
          {{"rotation_loss", losses.rotation.item<double>()},
           {"contrastive_loss", losses.contrastive.item<double>()},
           {"l1_loss", losses.reconstruction.item<double>()}}};
}

void SslTask::ForEachFixedBatch(const std::vector<std::size_t>& case_idxs,
                                int64_t num_crops,
                                const std::function<void(const Passed&)>& visit) {
  const int64_t batch_size = options_.loader.batch_size;
  const data::BodyCropOptions crops{.patch_size_vox = options_.patch_size_vox,
                                    .num_batches = (num_crops + batch_size - 1) / batch_size,
                                    .crops_per_batch = batch_size};
  data::Loader loader(store_,
                      {.plan = data::PlanBodyCrops(*store_, case_idxs, crops, kValidationSeed, 0),
                       .patch_size_vox = options_.patch_size_vox,
                       .with_labels = false},
                      options_.loader);
  while (const auto batch = loader.Next()) visit(Pass(*batch, kValidationSeed, 0));
}

std::optional<train::Scores> SslTask::Validate() {
  const at::NoGradGuard no_grad;
  const bool scored = !cases_.validation.empty();
  const bool drawn = !options_.picture_dir.empty();
  if (!scored && !drawn) return std::nullopt;
  ViewPicture picture;
  train::Numbers sums;
  int num_batches = 0;
  const auto add = [&](const Passed& passed) {
    const auto& [views, output, losses] = passed;
    sums["l1"] += losses.reconstruction.item<double>();
    sums["rotation_acc"] += RotationAccuracy(output.rotation_B4, views.rotation_B);
    sums["contrastive"] += losses.contrastive.item<double>();
    sums["total"] += losses.total.item<double>();
    ++num_batches;
    const int64_t num_crops = views.input_BCXYZ.size(0) / 2;
    for (int64_t b = 0; drawn && b < num_crops && picture.NumRows() < kPictureCrops; ++b) {
      picture.AddRow(views.target_BCXYZ[b], views.input_BCXYZ[b], output.reconstruction_BCXYZ[b]);
    }
  };
  ForEachFixedBatch(scored ? cases_.validation : cases_.train,
                    scored ? options_.num_validation_crops : kPictureCrops,
                    add);
  if (drawn) {
    picture.Write(fs::path(options_.picture_dir) /
                  fmt::format("views_epoch_{:04}.png", epoch_ + 1));
  }
  if (!scored) return std::nullopt;
  for (auto& [name, sum] : sums) sum /= num_batches;
  return train::Scores{.score = -sums.at("l1"), .numbers = sums};
}

}  // namespace sap::ssl
