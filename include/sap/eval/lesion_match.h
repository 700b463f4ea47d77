// SPDX-License-Identifier: Apache-2.0
// Lesions of a reference against candidates of a prediction (evaluation §1.1, §1.2, §1.8).
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/eval/match_options.h"
#include "sap/image/components.h"

namespace sap::eval {

// Connected group of the graph "lesion and candidate share a voxel".
enum class MatchGroup { kNone, kOneToOne, kSplit, kMerge, kManyToMany };

struct ReferenceLesion {
  Component component;
  double volume_ml = 0;
  XyzDouble centroid_vox;
  bool touches_border = false;      // of the volume
  bool ignored = false;             // smaller than min_gt_ml: neither TP nor FN
  bool large = false;               // at least large_ml
  bool detected_as_large = false;   // by a candidate that large_candidate allows
  std::vector<int64_t> candidates;  // indices of matched candidates, ascending
  int group_idx = -1;               // of MatchResult::groups; -1 = missed
  // What Dice and NSD compare (lesion_pair): the lesion, or all of its group, with `paired`.
  std::vector<int64_t> paired;
  int64_t reference_vox = 0;
  int64_t overlap_vox = 0;
  int64_t candidates_vox = 0;
  bool repeats_group = false;  // lesion_pair group: an earlier lesion stands for the group

  bool detected() const { return !candidates.empty(); }
  // Whether the lesion adds a value to the Dice and NSD of detected lesions.
  bool HasPairValue() const { return detected() && !ignored && !repeats_group; }
  // 0 when missed (§1.8).
  double PairDice() const;
};

struct Candidate {
  Component component;
  double volume_ml = 0;
  XyzDouble centroid_vox;
  double score = 0;              // see ScoreCandidates
  double nearest_lesion_mm = 0;  // see MeasureNearestLesions
  std::vector<int64_t> lesions;  // indices of matched lesions, ignored ones too, ascending
  bool false_positive = false;   // matched to no lesion, ignored ones included; see ExtraHit
  bool large = false;
  bool large_false_positive = false;
  bool detects_large = false;  // matched to a large lesion, and large_candidate allows it
};

struct MatchResult {
  std::vector<ReferenceLesion> lesions;
  std::vector<Candidate> candidates;
  std::vector<MatchGroup> groups;  // one type per connected group with an overlap
};

// Lesions, candidates and the voxels that they share: all that most rules need of the volumes, so
// that other rules can be applied without labelling again.
struct LabelledCase {
  Components reference;
  Components predicted;  // candidates that are dropped later are among them
  std::map<std::pair<int32_t, int32_t>, int64_t> shared_vox;  // by (lesion, candidate) labels
  std::vector<XyzDouble> reference_centroid_vox;              // by label - 1
  std::vector<XyzDouble> predicted_centroid_vox;
  XyzDouble spacing_mm;
};

// The lesion that each voxel of a candidate goes to, where it is matched to several.
struct VoronoiPart {
  Box box;                             // the candidate's
  Tensor lesion_XYZ;                   // int32 [box]: lesion labels, 0 beside the candidate
  std::map<int32_t, int64_t> num_vox;  // by lesion label
};
using VoronoiParts = std::map<int64_t, VoronoiPart>;  // by candidate index

// reference_XYZ: a mask (bool or integer, foreground != 0), or with gt_instances `file` a label map
// whose values above 0 are lesions, in one piece or not. predicted_XYZ: a mask on the same grid.
LabelledCase LabelCase(const Tensor& reference_XYZ,
                       const Tensor& predicted_XYZ,
                       const XyzDouble& spacing_mm,
                       const MatchOptions& options);
// The reference's half of LabelCase.
Components LabelReference(const Tensor& reference_XYZ, const MatchOptions& options);

// By default any shared voxel is a detection; several candidates on one lesion detect it once, one
// candidate over several lesions detects all of them, and neither is a false positive.
// `parts` are filled with lesion_pair voronoi.
MatchResult MatchLesions(const LabelledCase& labelled,
                         const MatchOptions& options,
                         VoronoiParts* parts = nullptr);
MatchResult MatchLesions(const Tensor& reference_XYZ,
                         const Tensor& predicted_XYZ,
                         const XyzDouble& spacing_mm,
                         const MatchOptions& options);

// Sets each candidate's score from its values of map_XYZ (any real dtype).
void ScoreCandidates(const LabelledCase& labelled,
                     const Tensor& map_XYZ,
                     MatchResult& match,
                     CandidateScore rule = CandidateScore::kMax);

// Sets each candidate's distance to the nearest reference lesion, ignored ones included, between
// voxel centres [mm]: 0 when they share a voxel, NaN without lesions.
void MeasureNearestLesions(const LabelledCase& labelled, MatchResult& match);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::MatchGroup> {
  static constexpr std::pair<sap::eval::MatchGroup, std::string_view> kNames[] = {
      {sap::eval::MatchGroup::kNone, "none"},
      {sap::eval::MatchGroup::kOneToOne, "1:1"},
      {sap::eval::MatchGroup::kSplit, "1:n"},
      {sap::eval::MatchGroup::kMerge, "n:1"},
      {sap::eval::MatchGroup::kManyToMany, "n:m"}};
};
