// SPDX-License-Identifier: Apache-2.0
#include "sap/train/segmentation_task.h"

#include <cmath>

#include <c10/core/InferenceMode.h>

#include "sap/core/error.h"

// Shapes: B batch, C channels, K classes, X Y Z space.
namespace sap::train {
namespace {

// Voxel counts of each class over all validation volumes: Dice of the whole set, so that a class
// that one volume lacks does not decide.
class DiceCounts {
 public:
  explicit DiceCounts(int64_t num_classes)
      : both_(static_cast<std::size_t>(num_classes)), sum_(both_.size()) {}

  void Add(const Tensor& predicted, const Tensor& reference) {
    for (std::size_t k = 1; k < both_.size(); ++k) {
      const Tensor p = predicted == static_cast<int64_t>(k);
      const Tensor g = reference == static_cast<int64_t>(k);
      both_[k] += (p & g).sum().item<int64_t>();
      sum_[k] += p.sum().item<int64_t>() + g.sum().item<int64_t>();
    }
    const Tensor p = predicted > 0;
    const Tensor g = reference > 0;
    merged_both_ += (p & g).sum().item<int64_t>();
    merged_sum_ += p.sum().item<int64_t>() + g.sum().item<int64_t>();
  }

  Scores Result(const data::LabelTable& labels) const {
    Scores scores;
    double total = 0;
    int num_classes = 0;
    for (const data::LabelClass& label : labels.classes) {
      const std::size_t k = label.class_idx;
      if (sum_[k] == 0) continue;
      const double dice = 2.0 * static_cast<double>(both_[k]) / static_cast<double>(sum_[k]);
      scores.numbers["dice_" + label.name] = dice;
      total += dice;
      ++num_classes;
    }
    scores.score = num_classes > 0 ? total / num_classes : 0.0;
    scores.numbers["dice_merged"] =
        merged_sum_ > 0 ? 2.0 * static_cast<double>(merged_both_) / static_cast<double>(merged_sum_)
                        : 0.0;
    return scores;
  }

 private:
  std::vector<int64_t> both_;
  std::vector<int64_t> sum_;
  int64_t merged_both_ = 0;
  int64_t merged_sum_ = 0;
};

}  // namespace

SegmentationTask::SegmentationTask(nn::SwinUnetr model,
                                   std::shared_ptr<const data::VolumeStore> store,
                                   CaseSets cases,
                                   const SegmentationOptions& options,
                                   c10::Device device)
    : model_(std::move(model)),
      store_(std::move(store)),
      cases_(std::move(cases)),
      options_(options),
      device_(device),
      bf16_(UseBf16(options.precision, device)) {
  SAP_REQUIRE(ErrorKind::kInput,
              !cases_.train.empty(),
              "no case is left to train on; look at fold, split and data.cases");
  model_->to(device_);
  const auto num_patches = static_cast<int64_t>(Plan(0).size());
  steps_per_epoch_ = (num_patches + options_.loader.batch_size - 1) / options_.loader.batch_size;
}

XyzInt SegmentationTask::PatchSize() const {
  return options_.sampling == Sampling::kInstances ? options_.instances.patch_size_vox
                                                   : options_.regions.patch_size_vox;
}

data::EpochPlan SegmentationTask::Plan(int64_t epoch) const {
  const auto number = static_cast<uint64_t>(epoch);
  const data::EpochPlan whole =
      options_.sampling == Sampling::kInstances
          ? PlanLesionEpoch(*store_, cases_.train, options_.instances, options_.seed, number)
          : PlanRegionEpoch(*store_, cases_.train, options_.regions, options_.seed, number);
  return ShardPlan(whole, /*rank=*/0, /*world=*/1);  // many processes: each takes its part here
}

std::unique_ptr<data::Loader> SegmentationTask::Batches(int64_t epoch, int64_t first_step) {
  return std::make_unique<data::Loader>(store_,
                                        data::Loader::Epoch{.plan = Plan(epoch),
                                                            .patch_size_vox = PatchSize(),
                                                            .augment = options_.augment,
                                                            .seed = options_.seed,
                                                            .epoch = static_cast<uint64_t>(epoch),
                                                            .start_batch = first_step},
                                        options_.loader);
}

Tensor SegmentationTask::Logits(const Tensor& image_BCXYZ) {
  const AutocastScope autocast(bf16_, device_.type());
  return model_->forward(image_BCXYZ.to(device_)).to(at::kFloat);
}

LossParts SegmentationTask::Loss(const data::Batch& batch) {
  const Tensor logits_BKXYZ = Logits(batch.image_BCXYZ);
  const nn::DiceCe loss =
      nn::DiceCeLoss(logits_BKXYZ, batch.label_B1XYZ.to(device_), options_.loss);
  return {loss.total,
          {{"dice_loss", loss.dice.item<double>()}, {"ce_loss", loss.ce.item<double>()}}};
}

std::optional<Scores> SegmentationTask::Validate() {
  if (cases_.validation.empty()) return std::nullopt;
  const at::NoGradGuard no_grad;
  return options_.validation == ValidationMode::kPatches ? ValidatePatches() : ValidateVolumes();
}

Scores SegmentationTask::ValidatePatches() {
  data::SamplerOptions sampler = options_.instances;
  sampler.patch_size_vox = PatchSize();
  data::Loader loader(
      store_,
      {.plan = PlanValidation(*store_, cases_.validation, sampler), .patch_size_vox = PatchSize()},
      options_.loader);
  double loss_sum = 0;
  double dice_sum = 0;
  int64_t num_patches = 0;
  int64_t num_scored = 0;
  while (const auto batch = loader.Next()) {
    const Tensor logits_BKXYZ = Logits(batch->image_BCXYZ);
    const Tensor label_B1XYZ = batch->label_B1XYZ.to(device_);
    const int64_t size = logits_BKXYZ.size(0);
    loss_sum += nn::DiceCeLoss(logits_BKXYZ, label_B1XYZ, options_.loss).total.item<double>() *
                static_cast<double>(size);
    num_patches += size;
    const nn::ValidationScore score = nn::ValidationDice(logits_BKXYZ, label_B1XYZ);
    dice_sum += score.mean * static_cast<double>(score.num_valid_samples);
    num_scored += score.num_valid_samples;
  }
  Scores scores;
  scores.score = num_scored > 0 ? dice_sum / static_cast<double>(num_scored) : 0.0;
  scores.numbers["loss"] = num_patches > 0 ? loss_sum / static_cast<double>(num_patches) : 0.0;
  return scores;
}

Scores SegmentationTask::ValidateVolumes() {
  DiceCounts counts(store_->labels().NumClasses());
  const auto predict = [this](const Tensor& window_BCXYZ) { return Logits(window_BCXYZ).cpu(); };
  for (const std::size_t case_idx : cases_.validation) {
    const Tensor logits_KXYZ = infer::StitchWindows(
        store_->Image(case_idx), predict, options_.window, store_->Body(case_idx).to(at::kBool));
    counts.Add(logits_KXYZ.argmax(0), store_->Labels(case_idx));
  }
  return counts.Result(store_->labels());
}

}  // namespace sap::train
