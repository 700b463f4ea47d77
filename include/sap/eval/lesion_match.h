// SPDX-License-Identifier: Apache-2.0
// Lesions of a reference against candidates of a prediction (evaluation §1.1, §1.2, §1.8).
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/image/components.h"

namespace sap::eval {

// Large lesions' false positives: candidates of at least large_ml that touch no reference lesion
// of any size, or none of at least large_ml (§1.4).
enum class LargeFalsePositive { kAnyLesion, kLargeLesion };

struct MatchOptions {
  int connectivity = 6;
  double min_candidate_ml = 0.0;
  double min_gt_ml = 0.0;
  double large_ml = 1.0;
  LargeFalsePositive large_fp = LargeFalsePositive::kAnyLesion;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("connectivity", connectivity)
        .Help("neighbours that join voxels to one lesion (the paper's code: 6; the field: 26)")
        .Rule("6, 18 or 26", [](int c) { return c == 6 || c == 18 || c == 26; });
    v.Field("min_candidate_ml", min_candidate_ml)
        .Help("smaller candidates are dropped [mL]")
        .AtLeast(0);
    v.Field("min_gt_ml", min_gt_ml)
        .Help("smaller reference lesions become ignore regions [mL]")
        .AtLeast(0);
    v.Field("large_ml", large_ml).Help("a lesion of this volume or more is large [mL]").AtLeast(0);
    v.Field("large_fp", large_fp).Help("what a large false positive must not touch");
  }
};

// Connected group of the graph "lesion and candidate share a voxel".
enum class MatchGroup { kNone, kOneToOne, kSplit, kMerge, kManyToMany };

struct ReferenceLesion {
  Component component;
  double volume_ml = 0;
  XyzDouble centroid_vox;
  bool touches_border = false;      // of the volume
  bool ignored = false;             // smaller than min_gt_ml: neither TP nor FN
  bool large = false;               // at least large_ml
  std::vector<int64_t> candidates;  // indices of overlapping candidates, ascending
  int64_t overlap_vox = 0;          // with all of them together
  int64_t candidates_vox = 0;       // their size together
  int group_idx = -1;               // of MatchResult::groups; -1 = missed
  bool detected() const { return !candidates.empty(); }
  // Dice with the union of the overlapping candidates; 0 when missed (§1.8).
  double UnionDice() const;
};

struct Candidate {
  Component component;
  double volume_ml = 0;
  std::vector<int64_t> lesions;  // indices of overlapping lesions, ignored ones too, ascending
  bool false_positive = false;   // overlaps no lesion, ignored ones included
  bool large = false;
  bool large_false_positive = false;
};

struct MatchResult {
  std::vector<ReferenceLesion> lesions;
  std::vector<Candidate> candidates;
  std::vector<MatchGroup> groups;  // one type per connected group with an overlap
};

// Any shared voxel is a detection; several candidates on one lesion detect it once, one candidate
// over several lesions detects all of them, and neither is a false positive.
// Masks [X, Y, Z] (bool or integer, foreground != 0) on one grid of voxels of spacing_mm.
MatchResult MatchLesions(const Tensor& reference_XYZ,
                         const Tensor& predicted_XYZ,
                         const XyzDouble& spacing_mm,
                         const MatchOptions& options);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::LargeFalsePositive> {
  static constexpr std::pair<sap::eval::LargeFalsePositive, std::string_view> kNames[] = {
      {sap::eval::LargeFalsePositive::kAnyLesion, "any_gt"},
      {sap::eval::LargeFalsePositive::kLargeLesion, "large_gt"}};
};
template <>
struct sap::EnumNames<sap::eval::MatchGroup> {
  static constexpr std::pair<sap::eval::MatchGroup, std::string_view> kNames[] = {
      {sap::eval::MatchGroup::kNone, "none"},
      {sap::eval::MatchGroup::kOneToOne, "1:1"},
      {sap::eval::MatchGroup::kSplit, "1:n"},
      {sap::eval::MatchGroup::kMerge, "n:1"},
      {sap::eval::MatchGroup::kManyToMany, "n:m"}};
};
