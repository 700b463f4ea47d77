// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/overlap.h"

#include <limits>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

double Ratio(int64_t numerator, int64_t denominator) {
  if (denominator == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(numerator) / static_cast<double>(denominator);
}

}  // namespace

double OverlapCounts::Dice() const {
  return Ratio(2 * both, Reference() + Predicted());
}

double OverlapCounts::Iou() const {
  return Ratio(both, both + only_reference + only_predicted);
}

OverlapCounts CountOverlap(const Tensor& reference, const Tensor& predicted) {
  SAP_CHECK(reference.sizes() == predicted.sizes(),
            "{} against {}",
            ShapeString(reference),
            ShapeString(predicted));
  const Tensor in_reference = reference != 0;
  const Tensor in_predicted = predicted != 0;
  const auto count = [](const Tensor& mask) { return at::count_nonzero(mask).item<int64_t>(); };
  OverlapCounts counts{.both = count(in_reference.logical_and(in_predicted))};
  counts.only_reference = count(in_reference) - counts.both;
  counts.only_predicted = count(in_predicted) - counts.both;
  counts.neither = reference.numel() - counts.both - counts.only_reference - counts.only_predicted;
  return counts;
}

double Dice(const Tensor& reference, const Tensor& predicted) {
  return CountOverlap(reference, predicted).Dice();
}

std::vector<OverlapCounts> CountOverlapPerClass(const Tensor& reference_labels,
                                                const Tensor& predicted_labels,
                                                int num_classes) {
  SAP_CHECK(reference_labels.sizes() == predicted_labels.sizes(),
            "{} against {}",
            ShapeString(reference_labels),
            ShapeString(predicted_labels));
  // One pass over both maps: the joint histogram holds every count.
  const Tensor reference = reference_labels.to(at::kShort).contiguous();
  const Tensor predicted = predicted_labels.to(at::kShort).contiguous();
  const int16_t* r = reference.data_ptr<int16_t>();
  const int16_t* p = predicted.data_ptr<int16_t>();
  const auto n = static_cast<std::size_t>(num_classes);
  std::vector<int64_t> joint(n * n, 0);
  for (int64_t i = 0; i < reference.numel(); ++i) {
    SAP_CHECK(r[i] >= 0 && r[i] < num_classes && p[i] >= 0 && p[i] < num_classes,
              "labels {} and {} of {} classes",
              r[i],
              p[i],
              num_classes);
    ++joint[static_cast<std::size_t>(r[i]) * n + static_cast<std::size_t>(p[i])];
  }
  std::vector<OverlapCounts> counts(n);
  for (std::size_t k = 0; k < n; ++k) {
    counts[k].both = joint[k * n + k];
    for (std::size_t other = 0; other < n; ++other) {
      if (other == k) continue;
      counts[k].only_reference += joint[k * n + other];
      counts[k].only_predicted += joint[other * n + k];
    }
    counts[k].neither =
        reference.numel() - counts[k].both - counts[k].only_reference - counts[k].only_predicted;
  }
  return counts;
}

}  // namespace sap::eval
