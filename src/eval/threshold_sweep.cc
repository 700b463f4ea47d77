// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <ATen/ATen.h>

#include "eval/probability_scan.h"
#include "eval/volume_rule.h"
#include "sap/core/error.h"
#include "sap/eval/threshold.h"
#include "sap/image/sparse_zeros.h"

namespace sap::eval {
namespace {

// A growing component of {p >= t}.
struct Growing {
  int64_t num_vox = 0;
  bool touches_any = false;   // a reference lesion, ignored ones included
  bool touches_real = false;  // one that is not ignored
  bool touches_large = false;
  std::vector<int32_t> waiting;  // lesions to detect once the component is a candidate
};

// Lesion of each voxel of the crop and what the options make of it.
struct SweepReference {
  Tensor labels_XYZ;          // int32
  std::vector<bool> ignored;  // by label
  std::vector<bool> large;
};

SweepReference LabelReference(const CaseInput& input, const MatchOptions& options) {
  const Components found =
      LabelComponents(input.reference_XYZ, static_cast<Connectivity>(options.connectivity));
  SweepReference reference{.labels_XYZ = found.labels_XYZ,
                           .ignored = std::vector<bool>(found.list.size() + 1, false),
                           .large = std::vector<bool>(found.list.size() + 1, false)};
  for (const Component& c : found.list) {
    const auto label = static_cast<std::size_t>(c.label);
    reference.ignored[label] = !AtLeastMl(c.num_vox, input.spacing_mm, options.min_gt_ml);
    reference.large[label] = AtLeastMl(c.num_vox, input.spacing_mm, options.large_ml);
  }
  return reference;
}

std::vector<XyzInt> Neighbours(int connectivity) {
  const int64_t most_steps = connectivity == 6 ? 1 : connectivity == 18 ? 2 : 3;
  std::vector<XyzInt> offsets;
  for (int64_t x = -1; x <= 1; ++x) {
    for (int64_t y = -1; y <= 1; ++y) {
      for (int64_t z = -1; z <= 1; ++z) {
        const int64_t steps = std::abs(x) + std::abs(y) + std::abs(z);
        if (steps > 0 && steps <= most_steps) offsets.push_back({x, y, z});
      }
    }
  }
  return offsets;
}

// Components and their counts while voxels enter one by one.
class Sweep {
 public:
  Sweep(const CaseInput& input, const MatchOptions& options)
      : reference_(LabelReference(input, options)),
        spacing_mm_(input.spacing_mm),
        options_(options),
        size_vox_{
            input.reference_XYZ.size(0), input.reference_XYZ.size(1), input.reference_XYZ.size(2)},
        neighbours_(Neighbours(options.connectivity)),
        slots_XYZ_(SparseZeros(size_vox_)),
        slot_plus_one_(slots_XYZ_.data_ptr<int32_t>()),
        detected_(reference_.ignored.size(), false) {
    for (std::size_t label = 1; label < reference_.ignored.size(); ++label) {
      if (reference_.ignored[label]) continue;
      ++all_.lesions;
      large_.lesions += reference_.large[label] ? 1 : 0;
    }
  }

  void Enter(int64_t voxel) {
    const auto slot = static_cast<int32_t>(parent_.size());
    parent_.push_back(slot);
    slot_plus_one_[voxel] = slot + 1;
    components_.push_back(SingleVoxel(voxel));
    Count(components_.back(), +1);
    const XyzInt at{voxel / (size_vox_.y * size_vox_.z),
                    voxel / size_vox_.z % size_vox_.y,
                    voxel % size_vox_.z};
    const Box volume{{0, 0, 0}, size_vox_};
    for (const XyzInt& step : neighbours_) {
      const XyzInt other{at.x + step.x, at.y + step.y, at.z + step.z};
      if (!volume.Contains(other)) continue;
      const int64_t index = (other.x * size_vox_.y + other.y) * size_vox_.z + other.z;
      if (slot_plus_one_[index] > 0) Join(slot, slot_plus_one_[index] - 1);
    }
  }

  const DetectionCounts& all() const { return all_; }
  const DetectionCounts& large() const { return large_; }

 private:
  Growing SingleVoxel(int64_t voxel) const {
    Growing component{.num_vox = 1};
    const int32_t label = reference_.labels_XYZ.data_ptr<int32_t>()[voxel];
    if (label == 0) return component;
    component.touches_any = true;
    component.touches_real = !reference_.ignored[static_cast<std::size_t>(label)];
    component.touches_large =
        component.touches_real && reference_.large[static_cast<std::size_t>(label)];
    if (component.touches_real) component.waiting.push_back(label);
    return component;
  }

  int32_t Root(int32_t slot) {
    while (parent_[static_cast<std::size_t>(slot)] != slot) {
      auto& up = parent_[static_cast<std::size_t>(slot)];
      up = parent_[static_cast<std::size_t>(up)];
      slot = up;
    }
    return slot;
  }

  void Join(int32_t a, int32_t b) {
    a = Root(a);
    b = Root(b);
    if (a == b) return;
    if (components_[static_cast<std::size_t>(a)].num_vox <
        components_[static_cast<std::size_t>(b)].num_vox) {
      std::swap(a, b);
    }
    Growing& kept = components_[static_cast<std::size_t>(a)];
    Growing& gone = components_[static_cast<std::size_t>(b)];
    Count(kept, -1);
    Count(gone, -1);
    parent_[static_cast<std::size_t>(b)] = a;
    kept.num_vox += gone.num_vox;
    kept.touches_any |= gone.touches_any;
    kept.touches_real |= gone.touches_real;
    kept.touches_large |= gone.touches_large;
    kept.waiting.insert(kept.waiting.end(), gone.waiting.begin(), gone.waiting.end());
    gone = {};
    Count(kept, +1);
  }

  // Adds or takes back one component's part in the candidate counts (as CountAll, CountLarge).
  void Count(Growing& component, int64_t sign) {
    if (!AtLeastMl(component.num_vox, spacing_mm_, options_.min_candidate_ml)) return;
    const bool is_large = AtLeastMl(component.num_vox, spacing_mm_, options_.large_ml);
    const bool large_fp = is_large && (options_.large_fp == LargeFalsePositive::kAnyLesion
                                           ? !component.touches_any
                                           : !component.touches_large);
    all_.false_positives += component.touches_any ? 0 : sign;
    all_.matched_candidates += component.touches_real ? sign : 0;
    large_.false_positives += large_fp ? sign : 0;
    large_.matched_candidates += component.touches_large ? sign : 0;
    all_.candidates = all_.matched_candidates + all_.false_positives;
    large_.candidates = large_.matched_candidates + large_.false_positives;
    if (sign > 0) Detect(component);
  }

  // A detected lesion stays detected: components only grow.
  void Detect(Growing& component) {
    for (const int32_t label : component.waiting) {
      const auto l = static_cast<std::size_t>(label);
      if (detected_[l]) continue;
      detected_[l] = true;
      ++all_.detected;
      large_.detected += reference_.large[l] ? 1 : 0;
    }
    component.waiting.clear();
  }

  SweepReference reference_;
  XyzDouble spacing_mm_;
  MatchOptions options_;
  XyzInt size_vox_;
  std::vector<XyzInt> neighbours_;
  Tensor slots_XYZ_;  // 0 = the voxel has not entered
  int32_t* slot_plus_one_;
  std::vector<int32_t> parent_;
  std::vector<Growing> components_;
  std::vector<bool> detected_;
  DetectionCounts all_;
  DetectionCounts large_;
};

// Rules that look at more than a shared voxel are matched anew at each threshold.
std::vector<ThresholdCounts> MatchEach(const CaseInput& input,
                                       const std::vector<double>& thresholds,
                                       const MatchOptions& options) {
  std::vector<ThresholdCounts> result;
  for (const double threshold : thresholds) {
    const MatchResult match =
        MatchLesions(input.reference_XYZ, AtLeast(input, threshold), input.spacing_mm, options);
    result.push_back({threshold, CountAll(match), CountLarge(match)});
  }
  return result;
}

}  // namespace

std::vector<ThresholdCounts> SweepThresholds(const CaseInput& input,
                                             const std::vector<double>& thresholds,
                                             const MatchOptions& options) {
  SAP_CHECK(!thresholds.empty() && thresholds[0] > 0 &&
                std::is_sorted(thresholds.begin(), thresholds.end()),
            "thresholds must ascend from above 0");
  RequireOneGrid(input);
  if (options.matching != Matching::kAnyOverlap) return MatchEach(input, thresholds, options);
  const ActiveVoxels active = SortActive(input, thresholds);
  Sweep sweep(input, options);
  std::vector<ThresholdCounts> result(thresholds.size());
  std::size_t entered = 0;
  for (std::size_t level = thresholds.size(); level >= 1; --level) {
    for (; entered < active.end_of_level[level - 1]; ++entered) sweep.Enter(active.voxel[entered]);
    result[level - 1] = {thresholds[level - 1], sweep.all(), sweep.large()};
  }
  return result;
}

}  // namespace sap::eval
