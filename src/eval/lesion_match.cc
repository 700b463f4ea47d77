// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_match.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <ATen/ATen.h>

#include "eval/lesion_pairs.h"
#include "eval/match_rule.h"
#include "eval/volume_rule.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

std::vector<ReferenceLesion> Lesions(const LabelledCase& labelled, const MatchOptions& options) {
  const Tensor& labels_XYZ = labelled.reference.labels_XYZ;
  const XyzDouble& spacing_mm = labelled.spacing_mm;
  std::vector<ReferenceLesion> lesions;
  for (const Component& component : labelled.reference.list) {
    ReferenceLesion lesion{.component = component};
    lesion.volume_ml = VolumeMl(component.num_vox, spacing_mm);
    lesion.centroid_vox = labelled.reference_centroid_vox[lesions.size()];
    lesion.ignored = !AtLeastMl(component.num_vox, spacing_mm, options.min_gt_ml);
    lesion.large = AtLeastMl(component.num_vox, spacing_mm, options.large_ml);
    for (std::size_t a = 0; a < 3; ++a) {
      lesion.touches_border |= component.box.begin_vox[a] == 0 ||
                               component.box.end_vox[a] == labels_XYZ.size(static_cast<int64_t>(a));
    }
    lesions.push_back(std::move(lesion));
  }
  return lesions;
}

// Candidates of at least min_candidate_ml, with the index of each label (-1 = dropped).
std::vector<int64_t> AddCandidates(const LabelledCase& labelled,
                                   const MatchOptions& options,
                                   MatchResult& match) {
  const XyzDouble& spacing_mm = labelled.spacing_mm;
  std::vector<int64_t> candidate_idx(labelled.predicted.list.size() + 1, -1);
  for (const Component& component : labelled.predicted.list) {
    if (!AtLeastMl(component.num_vox, spacing_mm, options.min_candidate_ml)) continue;
    const auto label = static_cast<std::size_t>(component.label);
    candidate_idx[label] = std::ssize(match.candidates);
    match.candidates.push_back(
        {.component = component,
         .volume_ml = VolumeMl(component.num_vox, spacing_mm),
         .centroid_vox = labelled.predicted_centroid_vox[label - 1],
         .large = AtLeastMl(component.num_vox, spacing_mm, options.large_ml)});
  }
  return candidate_idx;
}

int64_t Root(std::vector<int64_t>& parent, int64_t node) {
  while (parent[static_cast<std::size_t>(node)] != node) {
    node = parent[static_cast<std::size_t>(node)] =
        parent[static_cast<std::size_t>(parent[static_cast<std::size_t>(node)])];
  }
  return node;
}

// Types of the connected groups of the overlap graph; ignored lesions take no part.
void FindGroups(MatchResult& match) {
  const auto num_lesions = std::ssize(match.lesions);
  std::vector<int64_t> parent(match.lesions.size() + match.candidates.size());
  std::iota(parent.begin(), parent.end(), 0);
  for (int64_t g = 0; g < num_lesions; ++g) {
    const ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    if (lesion.ignored) continue;
    for (const int64_t c : lesion.candidates) {
      parent[static_cast<std::size_t>(Root(parent, num_lesions + c))] = Root(parent, g);
    }
  }
  std::map<int64_t, std::pair<int64_t, int64_t>> sizes;  // root -> lesions, candidates
  for (int64_t node = 0; node < std::ssize(parent); ++node) {
    auto& [lesions, candidates] = sizes[Root(parent, node)];
    ++(node < num_lesions ? lesions : candidates);
  }
  std::map<int64_t, int> group_of_root;
  for (int64_t g = 0; g < num_lesions; ++g) {
    ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    if (lesion.ignored || !lesion.detected()) continue;
    const int64_t root = Root(parent, g);
    const auto [place, is_new] = group_of_root.emplace(root, std::ssize(match.groups));
    if (is_new) {
      const auto [lesions, candidates] = sizes[root];
      match.groups.push_back(lesions > 1
                                 ? candidates > 1 ? MatchGroup::kManyToMany : MatchGroup::kMerge
                             : candidates > 1 ? MatchGroup::kSplit
                                              : MatchGroup::kOneToOne);
    }
    lesion.group_idx = place->second;
  }
}

// Candidates that another one makes superfluous: named by a one-to-one rule, or, where extra hits
// count, of most overlap with none of their lesions. What touches an ignored lesion is excused.
std::set<int64_t> Superfluous(const MatchResult& match,
                              const SharedVoxels& shared_vox,
                              const std::set<int64_t>& extra_of_rule,
                              ExtraHit extra_hit) {
  if (extra_hit == ExtraHit::kIgnored) return extra_of_rule;
  std::set<int64_t> superfluous = extra_of_rule;
  std::set<int64_t> best;
  for (int64_t g = 0; g < std::ssize(match.lesions); ++g) {
    const ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    if (lesion.ignored) {
      best.insert(lesion.candidates.begin(), lesion.candidates.end());
    } else if (lesion.detected()) {
      best.insert(BestCandidate(lesion, g, shared_vox));
    }
  }
  for (int64_t c = 0; c < std::ssize(match.candidates); ++c) {
    const Candidate& candidate = match.candidates[static_cast<std::size_t>(c)];
    if (!candidate.lesions.empty() && !best.contains(c)) superfluous.insert(c);
  }
  return superfluous;
}

// Superfluous candidates touch a lesion: they are no false positives, unless asked.
void MarkFalsePositives(MatchResult& match,
                        const std::set<int64_t>& superfluous,
                        const MatchOptions& options) {
  const bool extra_is_false = options.extra_hit == ExtraHit::kFalsePositive;
  for (int64_t c = 0; c < std::ssize(match.candidates); ++c) {
    Candidate& candidate = match.candidates[static_cast<std::size_t>(c)];
    const bool is_extra = superfluous.contains(c);
    candidate.false_positive = is_extra ? extra_is_false : candidate.lesions.empty();
    const auto is_large = [&](int64_t g) {
      const ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
      return lesion.large;
    };
    const bool touches_large =
        std::any_of(candidate.lesions.begin(), candidate.lesions.end(), is_large);
    const bool vs_any = options.large_fp == LargeFalsePositive::kAnyLesion;
    candidate.large_false_positive =
        candidate.large && (vs_any || is_extra ? candidate.false_positive : !touches_large);
  }
}

// Which lesions large candidates, or all, detect.
void MarkLargeHits(MatchResult& match, LargeCandidate rule) {
  for (ReferenceLesion& lesion : match.lesions) {
    if (lesion.ignored || !lesion.large) continue;
    for (const int64_t c : lesion.candidates) {
      Candidate& candidate = match.candidates[static_cast<std::size_t>(c)];
      if (rule == LargeCandidate::kSameVolume && !candidate.large) continue;
      lesion.detected_as_large = true;
      candidate.detects_large = true;
    }
  }
}

double ScoreOf(const std::vector<double>& values, CandidateScore rule) {
  switch (rule) {
    case CandidateScore::kMean:
      return std::accumulate(values.begin(), values.end(), 0.0) /
             static_cast<double>(values.size());
    case CandidateScore::kP95:
      return Quantile(values, 0.95);
    case CandidateScore::kMax:
      break;
  }
  return *std::max_element(values.begin(), values.end());
}

}  // namespace

double ReferenceLesion::PairDice() const {
  return 2.0 * static_cast<double>(overlap_vox) /
         static_cast<double>(reference_vox + candidates_vox);
}

MatchResult MatchLesions(const LabelledCase& labelled,
                         const MatchOptions& options,
                         VoronoiParts* parts) {
  MatchResult match{.lesions = Lesions(labelled, options)};
  const std::vector<int64_t> candidate_idx = AddCandidates(labelled, options, match);
  SharedVoxels shared_vox;  // by indices
  for (const auto& [pair, shared] : labelled.shared_vox) {
    const int64_t c = candidate_idx[static_cast<std::size_t>(pair.second)];
    if (c >= 0) shared_vox[{pair.first - 1, c}] = shared;
  }
  const RulePairs pairs = ApplyRule(match, shared_vox, candidate_idx, labelled, options);
  for (const auto& [g, c] : pairs.matched) {
    match.lesions[static_cast<std::size_t>(g)].candidates.push_back(c);
    match.candidates[static_cast<std::size_t>(c)].lesions.push_back(g);
  }
  MarkFalsePositives(
      match, Superfluous(match, shared_vox, pairs.extra, options.extra_hit), options);
  MarkLargeHits(match, options.large_candidate);
  FindGroups(match);
  SetPairs(labelled, shared_vox, options.lesion_pair, match, parts);
  return match;
}

MatchResult MatchLesions(const Tensor& reference_XYZ,
                         const Tensor& predicted_XYZ,
                         const XyzDouble& spacing_mm,
                         const MatchOptions& options) {
  return MatchLesions(LabelCase(reference_XYZ, predicted_XYZ, spacing_mm, options), options);
}

void ScoreCandidates(const LabelledCase& labelled,
                     const Tensor& map_XYZ,
                     MatchResult& match,
                     CandidateScore rule) {
  const Tensor map = map_XYZ.to(at::kFloat).contiguous();
  const float* value = map.data_ptr<float>();
  const int32_t* label = labelled.predicted.labels_XYZ.data_ptr<int32_t>();
  const int64_t size_y = map.size(1);
  const int64_t size_z = map.size(2);
  for (Candidate& candidate : match.candidates) {
    const Box& box = candidate.component.box;
    std::vector<double> values;
    for (int64_t x = box.begin_vox.x; x < box.end_vox.x; ++x) {
      for (int64_t y = box.begin_vox.y; y < box.end_vox.y; ++y) {
        const int64_t row = (x * size_y + y) * size_z;
        for (int64_t i = row + box.begin_vox.z; i < row + box.end_vox.z; ++i) {
          if (label[i] == candidate.component.label) values.push_back(value[i]);
        }
      }
    }
    candidate.score = ScoreOf(values, rule);
  }
}

}  // namespace sap::eval
