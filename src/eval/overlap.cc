// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/overlap.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::eval {
namespace {

double Ratio(int64_t numerator, int64_t denominator) {
  if (denominator == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(numerator) / static_cast<double>(denominator);
}

// `neither` is left to the caller. Blocks without any foreground, most of a volume, are passed.
template <typename G>
OverlapCounts CountVoxels(const G* g, const uint8_t* p, int64_t count) {
  constexpr int64_t kBlock = 64;
  OverlapCounts counts;
  for (int64_t i = 0; i < count;) {
    if (i + kBlock <= count) {
      G any_g = 0;
      uint8_t any_p = 0;
      for (int64_t k = 0; k < kBlock; ++k) any_g = static_cast<G>(any_g | g[i + k]);
      for (int64_t k = 0; k < kBlock; ++k) any_p = static_cast<uint8_t>(any_p | p[i + k]);
      if (any_g == 0 && any_p == 0) {
        i += kBlock;
        continue;
      }
    }
    for (const int64_t end = std::min(count, i + kBlock); i < end; ++i) {
      counts.both += g[i] != 0 && p[i] != 0 ? 1 : 0;
      counts.only_reference += g[i] != 0 && p[i] == 0 ? 1 : 0;
      counts.only_predicted += g[i] == 0 && p[i] != 0 ? 1 : 0;
    }
  }
  return counts;
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
  // Label maps as files have them (int16) and masks are read where they lie.
  const bool is_short = reference.element_size() == 2;
  const auto as_bytes = [](const Tensor& mask) {
    return (mask.element_size() == 1 ? mask : mask != 0).contiguous();
  };
  const Tensor g = is_short ? reference.contiguous() : as_bytes(reference);
  const Tensor p = as_bytes(predicted);
  const void* g_data = g.data_ptr();
  const auto* p_data = static_cast<const uint8_t*>(p.data_ptr());
  std::atomic<int64_t> both{0};
  std::atomic<int64_t> only_reference{0};
  std::atomic<int64_t> only_predicted{0};
  ParallelFor(reference.numel(), int64_t{1} << 18, [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    const OverlapCounts part =
        is_short ? CountVoxels(static_cast<const uint16_t*>(g_data) + begin, p_data + begin, n)
                 : CountVoxels(static_cast<const uint8_t*>(g_data) + begin, p_data + begin, n);
    both += part.both;
    only_reference += part.only_reference;
    only_predicted += part.only_predicted;
  });
  return {.both = both,
          .only_reference = only_reference,
          .only_predicted = only_predicted,
          .neither = reference.numel() - both - only_reference - only_predicted};
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
