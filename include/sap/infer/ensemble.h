// SPDX-License-Identifier: Apache-2.0
// Class probabilities of whole volumes from one model or the mean of several, held in bounded
// memory. Shapes: C channels, K classes, X Y Z array axes.
#pragma once

#include <cstdint>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/infer/sliding_window.h"

namespace sap::infer {

struct ProbabilityMaps {
  Tensor labels_XYZ;       // uint8: the class of largest probability, ties the smallest
  Tensor probability_XYZ;  // float32: probability of `prob_class`
};

// One model. Logits exist only for the slab at work along the longest axis: the peak beside the
// image is K * window * (the other two axes) * 4 bytes, twice, whatever the body's length.
// Softmax of the blended logits, then argmax; outside the body background by definition (see
// StitchWindows). image_CXYZ: float32, CPU. Throws kOption when prob_class is not a class.
ProbabilityMaps PredictVolume(const Tensor& image_CXYZ,
                              const Predictor& predict,
                              const SlidingWindowOptions& options,
                              int64_t prob_class,
                              const Tensor& body_mask_XYZ = {},
                              const WindowCount& on_windows = {});

// Mean of several models' probabilities over one volume, one model after the other. Holds the
// foreground classes of the body's bounding box: (K - 1) * box * 4 bytes.
class EnsembleMean {
 public:
  EnsembleMean(Tensor image_CXYZ, Tensor body_mask_XYZ, const SlidingWindowOptions& options);

  // Throws kInput when the model has another number of classes than the first.
  void AddModel(const Predictor& predict, const WindowCount& on_windows = {});

  int64_t num_classes() const { return num_classes_; }
  // Mean probability of one class, float32 [X, Y, Z].
  Tensor Probability(int64_t class_idx) const;
  ProbabilityMaps Finish(int64_t prob_class) const;

 private:
  Tensor InBox(const Tensor& volume) const;

  Tensor image_CXYZ_;
  Tensor body_mask_XYZ_;
  SlidingWindowOptions options_;
  Box box_;
  int64_t num_models_ = 0;
  int64_t num_classes_ = 0;
  Tensor sums_KXYZ_;  // foreground classes, inside box_
};

// Box of the mask's foreground; the whole volume when the mask is undefined or empty.
Box BodyBox(const Tensor& body_mask_XYZ, const XyzInt& size_vox);

// Axis of the largest size: slabs along it are smallest.
int LongestAxis(const XyzInt& size_vox);

}  // namespace sap::infer
