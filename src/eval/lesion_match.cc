// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_match.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include <ATen/ATen.h>

#include "eval/match_rule.h"
#include "eval/volume_rule.h"
#include "sap/core/error.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

std::vector<ReferenceLesion> Lesions(const Components& found,
                                     const XyzDouble& spacing_mm,
                                     const MatchOptions& options) {
  const Tensor& labels = found.labels_XYZ;
  std::vector<ReferenceLesion> lesions;
  for (const Component& component : found.list) {
    ReferenceLesion lesion{.component = component};
    lesion.volume_ml = VolumeMl(component.num_vox, spacing_mm);
    lesion.ignored = !AtLeastMl(component.num_vox, spacing_mm, options.min_gt_ml);
    lesion.large = AtLeastMl(component.num_vox, spacing_mm, options.large_ml);
    for (std::size_t a = 0; a < 3; ++a) {
      lesion.touches_border |= component.box.begin_vox[a] == 0 ||
                               component.box.end_vox[a] == labels.size(static_cast<int64_t>(a));
    }
    lesions.push_back(std::move(lesion));
  }
  return lesions;
}

struct JointHistogram {
  std::map<std::pair<int32_t, int32_t>, int64_t> shared_vox;  // (lesion, candidate) labels
  std::vector<XyzDouble> lesion_sum_vox;                      // voxel positions by label
  std::vector<XyzDouble> candidate_sum_vox;
};

using RowRuns = std::span<const Run>;

RowRuns RunsOfRow(const RunTable& table, std::size_t row) {
  const auto first = static_cast<std::size_t>(table.first_of_row[row]);
  return RowRuns(table.runs)
      .subspan(first, static_cast<std::size_t>(table.first_of_row[row + 1]) - first);
}

// Whole numbers far below 2^53: the order of the sum does not matter.
void AddPositions(RowRuns runs, int64_t x, int64_t y, std::vector<XyzDouble>& sums) {
  for (const Run& run : runs) {
    const auto n = static_cast<double>(run.end_z - run.begin_z);
    XyzDouble& sum = sums[static_cast<std::size_t>(run.label)];
    sum.x += n * static_cast<double>(x);
    sum.y += n * static_cast<double>(y);
    sum.z += n * 0.5 * static_cast<double>(run.begin_z + run.end_z - 1);
  }
}

// The runs of all components, row by row, give every overlap and every centroid.
JointHistogram CountJointly(const Components& reference, const Components& predicted) {
  JointHistogram joint{.lesion_sum_vox = std::vector<XyzDouble>(reference.list.size() + 1),
                       .candidate_sum_vox = std::vector<XyzDouble>(predicted.list.size() + 1)};
  const int64_t size_y = reference.labels_XYZ.size(1);
  const int64_t num_rows = reference.labels_XYZ.size(0) * size_y;
  for (int64_t row = 0; row < num_rows; ++row) {
    const RowRuns lesions = RunsOfRow(reference.table, static_cast<std::size_t>(row));
    const RowRuns candidates = RunsOfRow(predicted.table, static_cast<std::size_t>(row));
    AddPositions(lesions, row / size_y, row % size_y, joint.lesion_sum_vox);
    AddPositions(candidates, row / size_y, row % size_y, joint.candidate_sum_vox);
    for (auto g = lesions.begin(), c = candidates.begin();
         g != lesions.end() && c != candidates.end();
         ++(g->end_z < c->end_z ? g : c)) {
      const int32_t shared = std::min(g->end_z, c->end_z) - std::max(g->begin_z, c->begin_z);
      if (shared > 0) joint.shared_vox[{g->label, c->label}] += shared;
    }
  }
  return joint;
}

XyzDouble Centroid(const std::vector<XyzDouble>& sum_vox, const Component& component) {
  const XyzDouble& sum = sum_vox[static_cast<std::size_t>(component.label)];
  const auto n = static_cast<double>(component.num_vox);
  return {sum.x / n, sum.y / n, sum.z / n};
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

// Extra hits of a one-to-one rule touch a lesion: they are no false positives, unless asked.
void MarkFalsePositives(MatchResult& match,
                        const std::set<int64_t>& extra,
                        const MatchOptions& options) {
  for (int64_t c = 0; c < std::ssize(match.candidates); ++c) {
    Candidate& candidate = match.candidates[static_cast<std::size_t>(c)];
    const bool excused = extra.contains(c) && options.extra_hit == ExtraHit::kIgnored;
    candidate.false_positive = candidate.lesions.empty() && !excused;
    const bool touches_large =
        std::any_of(candidate.lesions.begin(), candidate.lesions.end(), [&](int64_t g) {
          return match.lesions[static_cast<std::size_t>(g)].large;
        });
    candidate.large_false_positive =
        candidate.large &&
        (options.large_fp == LargeFalsePositive::kAnyLesion ? candidate.false_positive
                                                            : !touches_large && !excused);
  }
}

// Candidates of at least min_candidate_ml, with the index of each label (-1 = dropped).
std::vector<int64_t> AddCandidates(const Components& predicted,
                                   const JointHistogram& joint,
                                   const XyzDouble& spacing_mm,
                                   const MatchOptions& options,
                                   MatchResult& match) {
  std::vector<int64_t> candidate_idx(predicted.list.size() + 1, -1);
  for (const Component& component : predicted.list) {
    if (!AtLeastMl(component.num_vox, spacing_mm, options.min_candidate_ml)) continue;
    candidate_idx[static_cast<std::size_t>(component.label)] = std::ssize(match.candidates);
    match.candidates.push_back(
        {.component = component,
         .volume_ml = VolumeMl(component.num_vox, spacing_mm),
         .centroid_vox = Centroid(joint.candidate_sum_vox, component),
         .large = AtLeastMl(component.num_vox, spacing_mm, options.large_ml)});
  }
  return candidate_idx;
}

// What each detected lesion is compared with, and their voxels.
void SetPairs(const std::map<std::pair<int64_t, int64_t>, int64_t>& shared_vox,
              LesionPair rule,
              MatchResult& match) {
  for (int64_t g = 0; g < std::ssize(match.lesions); ++g) {
    ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    const auto overlap = [&](int64_t c) {
      const auto found = shared_vox.find({g, c});
      return found == shared_vox.end() ? int64_t{0} : found->second;
    };
    lesion.paired = lesion.candidates;
    if (rule == LesionPair::kBest && lesion.detected()) {
      lesion.paired = {*std::max_element(
          lesion.candidates.begin(), lesion.candidates.end(), [&](int64_t a, int64_t b) {
            return overlap(a) < overlap(b);
          })};
    }
    for (const int64_t c : lesion.paired) {
      lesion.overlap_vox += overlap(c);
      lesion.candidates_vox += match.candidates[static_cast<std::size_t>(c)].component.num_vox;
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
         static_cast<double>(component.num_vox + candidates_vox);
}

MatchResult MatchLesions(const Tensor& reference_XYZ,
                         const Tensor& predicted_XYZ,
                         const XyzDouble& spacing_mm,
                         const MatchOptions& options,
                         MatchLabels* labels) {
  SAP_CHECK(reference_XYZ.sizes() == predicted_XYZ.sizes(),
            "{} against {}",
            ShapeString(reference_XYZ),
            ShapeString(predicted_XYZ));
  const auto connectivity = static_cast<Connectivity>(options.connectivity);
  const Components reference = LabelComponents(reference_XYZ, connectivity);
  const Components predicted = LabelComponents(predicted_XYZ, connectivity);
  const JointHistogram joint = CountJointly(reference, predicted);
  MatchResult match;
  match.lesions = Lesions(reference, spacing_mm, options);
  for (ReferenceLesion& lesion : match.lesions) {
    lesion.centroid_vox = Centroid(joint.lesion_sum_vox, lesion.component);
  }
  const std::vector<int64_t> candidate_idx =
      AddCandidates(predicted, joint, spacing_mm, options, match);
  std::map<std::pair<int64_t, int64_t>, int64_t> shared_vox;  // by indices
  for (const auto& [pair, shared] : joint.shared_vox) {
    const int64_t c = candidate_idx[static_cast<std::size_t>(pair.second)];
    if (c >= 0) shared_vox[{pair.first - 1, c}] = shared;
  }
  MatchLabels maps{reference.labels_XYZ, predicted.labels_XYZ};
  const RulePairs pairs = ApplyRule(match, shared_vox, candidate_idx, maps, options);
  for (const auto& [g, c] : pairs.matched) {
    match.lesions[static_cast<std::size_t>(g)].candidates.push_back(c);
    match.candidates[static_cast<std::size_t>(c)].lesions.push_back(g);
  }
  SetPairs(shared_vox, options.lesion_pair, match);
  MarkFalsePositives(match, pairs.extra, options);
  FindGroups(match);
  if (labels != nullptr) *labels = std::move(maps);
  return match;
}

void ScoreCandidates(const MatchLabels& labels,
                     const Tensor& map_XYZ,
                     MatchResult& match,
                     CandidateScore rule) {
  const Tensor map = map_XYZ.to(at::kFloat).contiguous();
  const float* value = map.data_ptr<float>();
  const int32_t* label = labels.candidate_XYZ.data_ptr<int32_t>();
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
