// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/ensemble.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::infer {
namespace {

XyzInt SizeOf(const Tensor& image_CXYZ) {
  return {image_CXYZ.size(1), image_CXYZ.size(2), image_CXYZ.size(3)};
}

void RequireClass(int64_t prob_class, int64_t num_classes) {
  SAP_REQUIRE(ErrorKind::kOption,
              prob_class >= 0 && prob_class < num_classes,
              "prob_class: {} is not a class of this model, which has 0 to {}",
              prob_class,
              num_classes - 1);
}

}  // namespace

int LongestAxis(const XyzInt& size_vox) {
  int longest = 0;
  for (int a = 1; a < 3; ++a) {
    const bool longer =
        size_vox[static_cast<std::size_t>(a)] > size_vox[static_cast<std::size_t>(longest)];
    if (longer) longest = a;
  }
  return longest;
}

Box BodyBox(const Tensor& body_mask_XYZ, const XyzInt& size_vox) {
  Box box{{0, 0, 0}, size_vox};
  if (!body_mask_XYZ.defined()) return box;
  for (int64_t a = 0; a < 3; ++a) {
    Tensor planes = body_mask_XYZ;
    for (int64_t other = 2; other >= 0; --other) {
      if (other != a) planes = planes.any(other);
    }
    const Tensor occupied = planes.nonzero();
    if (occupied.numel() == 0) return {{0, 0, 0}, size_vox};
    box.begin_vox[static_cast<std::size_t>(a)] = occupied.min().item<int64_t>();
    box.end_vox[static_cast<std::size_t>(a)] = occupied.max().item<int64_t>() + 1;
  }
  return box;
}

ProbabilityMaps PredictVolume(const Tensor& image_CXYZ,
                              const Predictor& predict,
                              const SlidingWindowOptions& options,
                              int64_t prob_class,
                              const Tensor& body_mask_XYZ,
                              const WindowCount& on_windows) {
  const XyzInt size = SizeOf(image_CXYZ);
  ProbabilityMaps maps{.labels_XYZ = at::empty({size.x, size.y, size.z}, at::kByte),
                       .probability_XYZ = at::empty({size.x, size.y, size.z}, at::kFloat)};
  const int axis = LongestAxis(size);
  StitchSlabs(
      image_CXYZ,
      predict,
      options,
      body_mask_XYZ,
      axis,
      [&](int64_t begin_vox, const Tensor& logits_KXYZ) {
        RequireClass(prob_class, logits_KXYZ.size(0));
        const int64_t length = logits_KXYZ.size(1 + axis);
        const Tensor probability_KXYZ = logits_KXYZ.softmax(0);
        maps.probability_XYZ.narrow(axis, begin_vox, length).copy_(probability_KXYZ[prob_class]);
        maps.labels_XYZ.narrow(axis, begin_vox, length).copy_(logits_KXYZ.argmax(0));
      },
      on_windows);
  return maps;
}

EnsembleMean::EnsembleMean(Tensor image_CXYZ,
                           Tensor body_mask_XYZ,
                           const SlidingWindowOptions& options)
    : image_CXYZ_(std::move(image_CXYZ)),
      body_mask_XYZ_(std::move(body_mask_XYZ)),
      options_(options),
      box_(BodyBox(body_mask_XYZ_, SizeOf(image_CXYZ_))) {}

Tensor EnsembleMean::InBox(const Tensor& volume) const {
  Tensor part = volume;
  const XyzInt size = box_.SizeVox();
  for (std::size_t a = 0; a < 3; ++a) {
    part = part.narrow(part.dim() - 3 + static_cast<int64_t>(a), box_.begin_vox[a], size[a]);
  }
  return part;
}

void EnsembleMean::AddModel(const Predictor& predict, const WindowCount& on_windows) {
  const int axis = LongestAxis(SizeOf(image_CXYZ_));
  const auto a = static_cast<std::size_t>(axis);
  StitchSlabs(
      image_CXYZ_,
      predict,
      options_,
      body_mask_XYZ_,
      axis,
      [&](int64_t begin_vox, const Tensor& logits_KXYZ) {
        const int64_t classes = logits_KXYZ.size(0);
        if (num_classes_ == 0) {
          const XyzInt size = box_.SizeVox();
          num_classes_ = classes;
          sums_KXYZ_ = at::zeros({classes - 1, size.x, size.y, size.z}, at::kFloat);
        }
        SAP_REQUIRE(ErrorKind::kInput,
                    classes == num_classes_,
                    "weights {} of the ensemble: {} classes, the first model has {}; all models "
                    "of an ensemble must be of one task",
                    num_models_ + 1,
                    classes,
                    num_classes_);
        const int64_t first = std::max(begin_vox, box_.begin_vox[a]);
        const int64_t end = std::min(begin_vox + logits_KXYZ.size(1 + axis), box_.end_vox[a]);
        if (first >= end) return;
        Tensor part_KXYZ = logits_KXYZ.narrow(1 + axis, first - begin_vox, end - first);
        for (std::size_t other = 0; other < 3; ++other) {
          if (other == a) continue;
          part_KXYZ = part_KXYZ.narrow(1 + static_cast<int64_t>(other),
                                       box_.begin_vox[other],
                                       box_.end_vox[other] - box_.begin_vox[other]);
        }
        sums_KXYZ_.narrow(1 + axis, first - box_.begin_vox[a], end - first)
            .add_(part_KXYZ.softmax(0).narrow(0, 1, classes - 1));
      },
      on_windows);
  ++num_models_;
}

Tensor EnsembleMean::Probability(int64_t class_idx) const {
  SAP_CHECK(num_models_ > 0, "no model was added");
  RequireClass(class_idx, num_classes_);
  const XyzInt size = SizeOf(image_CXYZ_);
  const auto models = static_cast<double>(num_models_);
  if (class_idx == 0) {
    Tensor background_XYZ = at::ones({size.x, size.y, size.z}, at::kFloat);
    InBox(background_XYZ).sub_(sums_KXYZ_.sum(0) / models).clamp_(0.0, 1.0);
    return background_XYZ;
  }
  Tensor probability_XYZ = at::zeros({size.x, size.y, size.z}, at::kFloat);
  InBox(probability_XYZ).copy_((sums_KXYZ_[class_idx - 1] / models).clamp_(0.0, 1.0));
  return probability_XYZ;
}

ProbabilityMaps EnsembleMean::Finish(int64_t prob_class) const {
  ProbabilityMaps maps{.probability_XYZ = Probability(prob_class)};
  const auto models = static_cast<double>(num_models_);
  Tensor best_XYZ = 1.0 - sums_KXYZ_.sum(0) / models;
  Tensor label_XYZ = at::zeros(best_XYZ.sizes(), at::kByte);
  for (int64_t k = 1; k < num_classes_; ++k) {
    const Tensor mean_XYZ = sums_KXYZ_[k - 1] / models;
    label_XYZ.masked_fill_(mean_XYZ > best_XYZ, k);
    best_XYZ = at::maximum(best_XYZ, mean_XYZ);
  }
  maps.labels_XYZ = at::zeros(maps.probability_XYZ.sizes(), at::kByte);
  InBox(maps.labels_XYZ).copy_(label_XYZ);
  return maps;
}

}  // namespace sap::infer
