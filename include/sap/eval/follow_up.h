// SPDX-License-Identifier: Apache-2.0
// Lesions of one patient at two time points on one grid: new, gone, grown, shrunk or stable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/eval/findings.h"
#include "sap/eval/lesion_match.h"

namespace sap::eval {

struct FollowUpOptions {
  double margin_mm = 0.0;
  double change_frac = 0.3;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("follow_up_margin_mm", margin_mm)
        .Help("lesions of two time points with voxels this near are one lesion; 0: shared voxel")
        .Range(0.0, 50.0);
    v.Field("follow_up_change_frac", change_frac)
        .Help("a lesion grew or shrank when its volume changed by this share of the earlier one")
        .Range(0.0, 100.0);
  }
};

// The lesions of one exam as runs of voxels along z: small enough to keep until the other exam has
// been read, which a label map of the whole body is not.
struct TimePoint {
  struct Run {
    int32_t x = 0;
    int32_t y = 0;
    int32_t begin_z = 0;
    int32_t end_z = 0;
  };
  struct Lesion {
    int64_t number = 0;  // as in lesions.csv or candidates.csv
    int64_t num_vox = 0;
    Box box;
    std::vector<Run> runs;
  };
  XyzInt size_vox;
  XyzDouble spacing_mm{1, 1, 1};
  std::vector<Lesion> lesions;
};

// components[i] becomes the lesion numbers[i]. labels_XYZ: int32, contiguous, CPU.
TimePoint TimePointOf(const Tensor& labels_XYZ,
                      const std::vector<Component>& components,
                      const std::vector<int64_t>& numbers,
                      const XyzDouble& spacing_mm);

enum class LesionChange { kNew, kGone, kGrown, kShrunk, kStable };

// Lesions that belong together, by their numbers; `link` says how many became how many: 1:n is a
// split, n:1 a merge. Volumes are those of all of them.
struct FollowedLesion {
  std::vector<int64_t> before;
  std::vector<int64_t> after;
  double before_ml = 0;
  double after_ml = 0;
  MatchGroup link = MatchGroup::kNone;
  LesionChange change = LesionChange::kStable;

  double ChangeFrac() const;  // of before_ml; NaN for new ones
};

// In the order of the first earlier lesion, then the new ones. Limits are inclusive. SAP_CHECK:
// one grid.
std::vector<FollowedLesion> CompareTimePoints(const TimePoint& before,
                                              const TimePoint& after,
                                              const FollowUpOptions& options = {});

// One patient's change, from the reference or by one method.
struct FollowUp {
  FindingSource source = FindingSource::kPrediction;
  std::string method;  // empty for the reference
  std::string before_id;
  std::string after_id;
  std::vector<FollowedLesion> lesions;

  int64_t Count(LesionChange change) const;
  int64_t Count(MatchGroup link) const;
  double BeforeMl() const;
  double AfterMl() const;
};
std::string FollowUpCsv(const std::vector<FollowUp>& patients);
// One row per patient and source: numbers of each kind and the change of the total volume.
std::string FollowUpTotalsCsv(const std::vector<FollowUp>& patients);
std::string FollowUpMarkdown(const std::vector<FollowUp>& patients);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::LesionChange> {
  static constexpr std::pair<sap::eval::LesionChange, std::string_view> kNames[] = {
      {sap::eval::LesionChange::kNew, "new"},
      {sap::eval::LesionChange::kGone, "gone"},
      {sap::eval::LesionChange::kGrown, "grown"},
      {sap::eval::LesionChange::kShrunk, "shrunk"},
      {sap::eval::LesionChange::kStable, "stable"}};
};
