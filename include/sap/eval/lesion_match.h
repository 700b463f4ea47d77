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

// When a candidate detects a lesion (§1.2); every limit is inclusive. kIou and kDice give each
// lesion at most one candidate and the reverse: as many pairs as possible, then the largest sum.
enum class Matching { kAnyOverlap, kMinOverlap, kIou, kDice, kCentre, kDilated };
// A candidate that overlaps a lesion enough for a one-to-one rule but was not assigned.
enum class ExtraHit { kIgnored, kFalsePositive };
// What a detected lesion is compared with: all candidates matched to it, or that of most overlap.
enum class LesionPair { kUnion, kBest };
// A candidate's score, by which curves rank it: of the probabilities of its voxels, the largest,
// the mean, or the 95th percentile.
enum class CandidateScore { kMax, kMean, kP95 };

struct MatchOptions {
  Matching matching = Matching::kAnyOverlap;
  double min_overlap_frac = 0.1;
  int64_t min_overlap_vox = 1;
  int64_t dilate_gt_vox = 1;
  ExtraHit extra_hit = ExtraHit::kIgnored;
  LesionPair lesion_pair = LesionPair::kUnion;
  std::vector<double> nsd_tolerances_mm = {1.0, 2.0, 3.0};
  int connectivity = 6;
  double min_candidate_ml = 0.0;
  double min_gt_ml = 0.0;
  double large_ml = 1.0;
  LargeFalsePositive large_fp = LargeFalsePositive::kAnyLesion;
  CandidateScore candidate_score = CandidateScore::kMax;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("matching", matching)
        .Help("when a candidate detects a lesion; iou and dice pair them one to one");
    v.Field("min_overlap_frac", min_overlap_frac)
        .Help("smallest IoU or Dice of those two rules")
        .Range(1e-6, 1.0);
    v.Field("min_overlap_vox", min_overlap_vox)
        .Help("smallest overlap of the rule min_overlap [voxels]")
        .AtLeast(1);
    v.Field("dilate_gt_vox", dilate_gt_vox)
        .Help("18-neighbour steps by which the rule dilated_gt grows a lesion")
        .Range(0, 20);
    v.Field("extra_hit", extra_hit)
        .Help("what a second candidate on a lesion is under a one-to-one rule");
    v.Field("lesion_pair", lesion_pair).Help("what a detected lesion's Dice and NSD compare with");
    v.Field("nsd_tolerances_mm", nsd_tolerances_mm)
        .Help("NSD of detected lesions counts surface within these distances [mm]");
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
    v.Field("candidate_score", candidate_score)
        .Help("which of its voxels' probabilities ranks a candidate (froc: candidate)");
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
  std::vector<int64_t> candidates;  // indices of matched candidates, ascending
  std::vector<int64_t> paired;      // those that Dice and NSD compare with (lesion_pair)
  int64_t overlap_vox = 0;          // with the paired ones together
  int64_t candidates_vox = 0;       // their size together
  int group_idx = -1;               // of MatchResult::groups; -1 = missed
  bool detected() const { return !candidates.empty(); }
  // Dice with the paired candidates; 0 when missed (§1.8).
  double PairDice() const;
};

struct Candidate {
  Component component;
  double volume_ml = 0;
  XyzDouble centroid_vox;
  double score = 0;              // see ScoreCandidates
  std::vector<int64_t> lesions;  // indices of matched lesions, ignored ones too, ascending
  bool false_positive = false;   // matched to no lesion, ignored ones included
  bool large = false;
  bool large_false_positive = false;
};

struct MatchResult {
  std::vector<ReferenceLesion> lesions;
  std::vector<Candidate> candidates;
  std::vector<MatchGroup> groups;  // one type per connected group with an overlap
};

// Where lesions and candidates lie: int32 [X, Y, Z], the `label` of their components, 0 = none.
struct MatchLabels {
  Tensor reference_XYZ;
  Tensor candidate_XYZ;  // components that were dropped keep their label
};

// By default any shared voxel is a detection; several candidates on one lesion detect it once, one
// candidate over several lesions detects all of them, and neither is a false positive.
// Masks [X, Y, Z] (bool or integer, foreground != 0) on one grid of voxels of spacing_mm.
MatchResult MatchLesions(const Tensor& reference_XYZ,
                         const Tensor& predicted_XYZ,
                         const XyzDouble& spacing_mm,
                         const MatchOptions& options,
                         MatchLabels* labels = nullptr);

// Sets each candidate's score from its values of map_XYZ (any real dtype).
void ScoreCandidates(const MatchLabels& labels,
                     const Tensor& map_XYZ,
                     MatchResult& match,
                     CandidateScore rule = CandidateScore::kMax);

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
template <>
struct sap::EnumNames<sap::eval::Matching> {
  static constexpr std::pair<sap::eval::Matching, std::string_view> kNames[] = {
      {sap::eval::Matching::kAnyOverlap, "any_overlap"},
      {sap::eval::Matching::kMinOverlap, "min_overlap"},
      {sap::eval::Matching::kIou, "iou"},
      {sap::eval::Matching::kDice, "dice"},
      {sap::eval::Matching::kCentre, "centre_in_mask"},
      {sap::eval::Matching::kDilated, "dilated_gt"}};
};
template <>
struct sap::EnumNames<sap::eval::ExtraHit> {
  static constexpr std::pair<sap::eval::ExtraHit, std::string_view> kNames[] = {
      {sap::eval::ExtraHit::kIgnored, "ignored"},
      {sap::eval::ExtraHit::kFalsePositive, "false_positive"}};
};
template <>
struct sap::EnumNames<sap::eval::LesionPair> {
  static constexpr std::pair<sap::eval::LesionPair, std::string_view> kNames[] = {
      {sap::eval::LesionPair::kUnion, "union"}, {sap::eval::LesionPair::kBest, "best"}};
};
template <>
struct sap::EnumNames<sap::eval::CandidateScore> {
  static constexpr std::pair<sap::eval::CandidateScore, std::string_view> kNames[] = {
      {sap::eval::CandidateScore::kMax, "max"},
      {sap::eval::CandidateScore::kMean, "mean"},
      {sap::eval::CandidateScore::kP95, "p95"}};
};
