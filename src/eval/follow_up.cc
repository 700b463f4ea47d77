// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/follow_up.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include <ATen/ATen.h>

#include "eval/volume_rule.h"
#include "sap/core/error.h"
#include "sap/image/morphology.h"

namespace sap::eval {
namespace {

// Calls visit(run) for the voxels of one component, row by row of its box.
template <typename Visit>
void ForEachRun(const Tensor& labels_XYZ, const Component& component, const Visit& visit) {
  const int32_t* label = labels_XYZ.const_data_ptr<int32_t>();
  const Box& box = component.box;
  for (int64_t x = box.begin_vox.x; x < box.end_vox.x; ++x) {
    for (int64_t y = box.begin_vox.y; y < box.end_vox.y; ++y) {
      const int32_t* row = label + (x * labels_XYZ.size(1) + y) * labels_XYZ.size(2);
      int64_t z = box.begin_vox.z;
      while (z < box.end_vox.z) {
        while (z < box.end_vox.z && row[z] != component.label) ++z;
        const int64_t begin_z = z;
        while (z < box.end_vox.z && row[z] == component.label) ++z;
        if (z > begin_z) {
          visit(TimePoint::Run{static_cast<int32_t>(x),
                               static_cast<int32_t>(y),
                               static_cast<int32_t>(begin_z),
                               static_cast<int32_t>(z)});
        }
      }
    }
  }
}

// The common part of two boxes; nothing where they are apart.
std::optional<Box> Common(const Box& a, const Box& b) {
  Box common;
  for (std::size_t i = 0; i < 3; ++i) {
    common.begin_vox[i] = std::max(a.begin_vox[i], b.begin_vox[i]);
    common.end_vox[i] = std::min(a.end_vox[i], b.end_vox[i]);
    if (common.begin_vox[i] >= common.end_vox[i]) return std::nullopt;
  }
  return common;
}

// A lesion and all voxels within a margin of it, in its own box.
class GrownLesion {
 public:
  GrownLesion(const TimePoint::Lesion& lesion, const TimePoint& exam, double margin_mm)
      : box_(lesion.box) {
    for (std::size_t a = 0; a < 3; ++a) {
      const auto reach = static_cast<int64_t>(std::ceil(margin_mm / exam.spacing_mm[a]));
      box_.begin_vox[a] = std::max<int64_t>(0, box_.begin_vox[a] - reach);
      box_.end_vox[a] = std::min(exam.size_vox[a], box_.end_vox[a] + reach);
    }
    const XyzInt size = box_.SizeVox();
    mask_XYZ_ = at::zeros({size.x, size.y, size.z}, at::kBool);
    bool* mask = mask_XYZ_.data_ptr<bool>();
    for (const TimePoint::Run& run : lesion.runs) {
      std::fill(mask + Offset(run.x, run.y, run.begin_z),
                mask + Offset(run.x, run.y, run.begin_z) + (run.end_z - run.begin_z),
                true);
    }
    if (margin_mm > 0) mask_XYZ_ = Dilate(mask_XYZ_, exam.spacing_mm, margin_mm);
  }

  bool Touches(const TimePoint::Lesion& other) const {
    const auto common = Common(box_, other.box);
    if (!common) return false;
    const bool* mask = mask_XYZ_.const_data_ptr<bool>();
    return std::any_of(other.runs.begin(), other.runs.end(), [&](const TimePoint::Run& run) {
      const int64_t begin_z = std::max<int64_t>(run.begin_z, common->begin_vox.z);
      const int64_t end_z = std::min<int64_t>(run.end_z, common->end_vox.z);
      if (begin_z >= end_z || !common->Contains({run.x, run.y, begin_z})) return false;
      const bool* row = mask + Offset(run.x, run.y, begin_z);
      return std::any_of(row, row + (end_z - begin_z), [](bool inside) { return inside; });
    });
  }

 private:
  int64_t Offset(int64_t x, int64_t y, int64_t z) const {
    const XyzInt size = box_.SizeVox();
    return ((x - box_.begin_vox.x) * size.y + y - box_.begin_vox.y) * size.z + z - box_.begin_vox.z;
  }

  Box box_;
  Tensor mask_XYZ_;
};

std::size_t Root(std::vector<std::size_t>& parent, std::size_t node) {
  while (parent[node] != node) node = parent[node] = parent[parent[node]];
  return node;
}

// The group of every lesion: earlier ones first, then later ones.
std::vector<std::size_t> Groups(const TimePoint& before, const TimePoint& after, double margin_mm) {
  std::vector<std::size_t> parent(before.lesions.size() + after.lesions.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  for (std::size_t b = 0; b < before.lesions.size(); ++b) {
    const GrownLesion grown(before.lesions[b], before, margin_mm);
    for (std::size_t a = 0; a < after.lesions.size(); ++a) {
      if (!grown.Touches(after.lesions[a])) continue;
      const std::size_t one = Root(parent, b);
      const std::size_t other = Root(parent, before.lesions.size() + a);
      parent[std::max(one, other)] = std::min(one, other);
    }
  }
  std::vector<std::size_t> group(parent.size());
  for (std::size_t i = 0; i < parent.size(); ++i) group[i] = Root(parent, i);
  return group;
}

MatchGroup LinkOf(const FollowedLesion& followed) {
  if (followed.before.empty() || followed.after.empty()) return MatchGroup::kNone;
  if (followed.before.size() > 1) {
    return followed.after.size() > 1 ? MatchGroup::kManyToMany : MatchGroup::kMerge;
  }
  return followed.after.size() > 1 ? MatchGroup::kSplit : MatchGroup::kOneToOne;
}

// By voxel counts, so that a change of exactly the limit is one whatever the spacing.
LesionChange ChangeOf(const FollowedLesion& followed,
                      int64_t before_vox,
                      int64_t after_vox,
                      double change_frac) {
  if (followed.before.empty()) return LesionChange::kNew;
  if (followed.after.empty()) return LesionChange::kGone;
  constexpr double kSlack = 1e-9;
  const double limit_vox = static_cast<double>(before_vox) * change_frac * (1.0 - kSlack);
  const auto change_vox = static_cast<double>(after_vox - before_vox);
  if (after_vox > before_vox && change_vox >= limit_vox) return LesionChange::kGrown;
  if (after_vox < before_vox && -change_vox >= limit_vox) return LesionChange::kShrunk;
  return LesionChange::kStable;
}

}  // namespace

TimePoint TimePointOf(const Tensor& labels_XYZ,
                      const std::vector<Component>& components,
                      const std::vector<int64_t>& numbers,
                      const XyzDouble& spacing_mm) {
  SAP_CHECK(components.size() == numbers.size() && labels_XYZ.is_contiguous());
  TimePoint exam{.size_vox = {labels_XYZ.size(0), labels_XYZ.size(1), labels_XYZ.size(2)},
                 .spacing_mm = spacing_mm};
  for (std::size_t i = 0; i < components.size(); ++i) {
    TimePoint::Lesion& lesion = exam.lesions.emplace_back();
    lesion.number = numbers[i];
    lesion.num_vox = components[i].num_vox;
    lesion.box = components[i].box;
    ForEachRun(
        labels_XYZ, components[i], [&](const TimePoint::Run& run) { lesion.runs.push_back(run); });
  }
  return exam;
}

double FollowedLesion::ChangeFrac() const {
  if (before.empty()) return std::numeric_limits<double>::quiet_NaN();
  return (after_ml - before_ml) / before_ml;
}

std::vector<FollowedLesion> CompareTimePoints(const TimePoint& before,
                                              const TimePoint& after,
                                              const FollowUpOptions& options) {
  SAP_CHECK(before.size_vox == after.size_vox,
            "time points of {} and {} voxels",
            before.size_vox,
            after.size_vox);
  const std::vector<std::size_t> group = Groups(before, after, options.margin_mm);
  std::map<std::size_t, FollowedLesion> followed;  // by its smallest member: before, then new
  std::map<std::size_t, std::pair<int64_t, int64_t>> num_vox;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const bool earlier = i < before.lesions.size();
    const TimePoint::Lesion& lesion =
        earlier ? before.lesions[i] : after.lesions[i - before.lesions.size()];
    FollowedLesion& one = followed[group[i]];
    (earlier ? one.before : one.after).push_back(lesion.number);
    (earlier ? num_vox[group[i]].first : num_vox[group[i]].second) += lesion.num_vox;
  }
  std::vector<FollowedLesion> in_order;
  for (auto& [key, one] : followed) {
    const auto [before_vox, after_vox] = num_vox[key];
    one.before_ml = VolumeMl(before_vox, before.spacing_mm);
    one.after_ml = VolumeMl(after_vox, after.spacing_mm);
    one.link = LinkOf(one);
    one.change = ChangeOf(one, before_vox, after_vox, options.change_frac);
    in_order.push_back(std::move(one));
  }
  return in_order;
}

}  // namespace sap::eval
