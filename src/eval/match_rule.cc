// SPDX-License-Identifier: Apache-2.0
#include "eval/match_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

namespace sap::eval {
namespace {

constexpr double kSlack = 1e-12;  // 1 / 10 computed as a ratio must reach 0.1

double Similarity(int64_t shared, int64_t lesion_vox, int64_t candidate_vox, Matching rule) {
  const auto both = static_cast<double>(shared);
  const auto sum = static_cast<double>(lesion_vox + candidate_vox);
  return rule == Matching::kDice ? 2 * both / sum : both / (sum - both);
}

RulePairs OneToOne(const MatchResult& match,
                   const SharedVoxels& shared_vox,
                   const MatchOptions& options) {
  std::vector<std::vector<double>> weight(match.lesions.size(),
                                          std::vector<double>(match.candidates.size(), 0.0));
  RulePairs pairs;
  for (const auto& [pair, shared] : shared_vox) {
    const auto g = static_cast<std::size_t>(pair.first);
    const auto c = static_cast<std::size_t>(pair.second);
    const double value = Similarity(shared,
                                    match.lesions[g].component.num_vox,
                                    match.candidates[c].component.num_vox,
                                    options.matching);
    if (value < options.min_overlap_frac - kSlack) continue;
    pairs.extra.insert(pair.second);
    // An ignored lesion takes no candidate from a real one; what lies on it is excused.
    if (!match.lesions[g].ignored) weight[g][c] = value;
  }
  const std::vector<int64_t> candidate_of = AssignPairs(weight);
  for (std::size_t g = 0; g < candidate_of.size(); ++g) {
    if (candidate_of[g] < 0) continue;
    pairs.matched.emplace(g, candidate_of[g]);
    pairs.extra.erase(candidate_of[g]);
  }
  for (const auto& [pair, shared] : shared_vox) {
    const auto& [g, c] = pair;
    if (match.lesions[static_cast<std::size_t>(g)].ignored) pairs.matched.insert(pair);
  }
  return pairs;
}

// 18-neighbour steps: a face or an edge away.
Tensor Grown(const Tensor& mask_XYZ, int64_t steps) {
  Tensor grown = mask_XYZ;
  for (int64_t step = 0; step < steps; ++step) {
    const Tensor before = grown;
    grown = before.clone();
    for (int64_t skip = 0; skip < 3; ++skip) {
      // A square in each plane: its union over the planes is the 18-neighbourhood.
      std::vector<int64_t> kernel = {3, 3, 3};
      std::vector<int64_t> padding = {1, 1, 1};
      kernel[static_cast<std::size_t>(skip)] = 1;
      padding[static_cast<std::size_t>(skip)] = 0;
      const Tensor pooled =
          at::max_pool3d(before.unsqueeze(0).unsqueeze(0), kernel, {1, 1, 1}, padding);
      grown = at::maximum(grown, pooled[0][0]);
    }
  }
  return grown;
}

std::set<int64_t> LabelsNear(const ReferenceLesion& lesion,
                             const LabelledCase& labelled,
                             int64_t steps) {
  Tensor own = labelled.reference.labels_XYZ;
  Tensor other = labelled.predicted.labels_XYZ;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto axis = static_cast<int64_t>(a);
    const int64_t begin = std::max<int64_t>(0, lesion.component.box.begin_vox[a] - steps);
    const int64_t end = std::min(own.size(axis), lesion.component.box.end_vox[a] + steps);
    own = own.slice(axis, begin, end);
    other = other.slice(axis, begin, end);
  }
  const Tensor grown = Grown(own.eq(lesion.component.label).to(at::kFloat), steps);
  const Tensor touched = other.masked_select(grown.gt(0)).contiguous();
  const int32_t* label = touched.data_ptr<int32_t>();
  return {label, label + touched.numel()};
}

RulePairs NearDilated(const MatchResult& match,
                      const std::vector<int64_t>& candidate_idx,
                      const LabelledCase& labelled,
                      const MatchOptions& options) {
  RulePairs pairs;
  for (std::size_t g = 0; g < match.lesions.size(); ++g) {
    for (const int64_t label : LabelsNear(match.lesions[g], labelled, options.dilate_gt_vox)) {
      const int64_t c = candidate_idx[static_cast<std::size_t>(label)];
      if (c >= 0) pairs.matched.emplace(g, c);
    }
  }
  return pairs;
}

// The lesion at each candidate's centroid, rounded to a voxel.
RulePairs CentreInMask(const MatchResult& match, const LabelledCase& labelled) {
  RulePairs pairs;
  const auto lesion_at = labelled.reference.labels_XYZ.accessor<int32_t, 3>();
  for (std::size_t c = 0; c < match.candidates.size(); ++c) {
    const XyzDouble& at_vox = match.candidates[c].centroid_vox;
    const int32_t label =
        lesion_at[std::llround(at_vox.x)][std::llround(at_vox.y)][std::llround(at_vox.z)];
    if (label > 0) pairs.matched.emplace(label - 1, c);
  }
  return pairs;
}

// Hungarian method with potentials for at most as many rows as columns (1-based inside): the
// column of each row with the smallest total cost.
std::vector<int64_t> CheapestColumns(const std::vector<std::vector<double>>& cost) {
  const std::size_t rows = cost.size();
  const std::size_t columns = cost[0].size();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> row_potential(rows + 1, 0.0);
  std::vector<double> column_potential(columns + 1, 0.0);
  std::vector<std::size_t> row_of(columns + 1, 0);
  for (std::size_t row = 1; row <= rows; ++row) {
    row_of[0] = row;
    std::size_t column = 0;
    std::vector<double> slack(columns + 1, kInfinity);
    std::vector<std::size_t> from(columns + 1, 0);
    std::vector<bool> seen(columns + 1, false);
    do {
      seen[column] = true;
      const std::size_t at_row = row_of[column];
      double step = kInfinity;
      std::size_t next = 0;
      for (std::size_t j = 1; j <= columns; ++j) {
        if (seen[j]) continue;
        const double reduced =
            cost[at_row - 1][j - 1] - row_potential[at_row] - column_potential[j];
        if (reduced < slack[j]) {
          slack[j] = reduced;
          from[j] = column;
        }
        if (slack[j] < step) {
          step = slack[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= columns; ++j) {
        if (seen[j]) {
          row_potential[row_of[j]] += step;
          column_potential[j] -= step;
        } else {
          slack[j] -= step;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = from[column]) row_of[column] = row_of[from[column]];
  }
  std::vector<int64_t> column_of(rows, -1);
  for (std::size_t j = 1; j <= columns; ++j) {
    if (row_of[j] != 0) column_of[row_of[j] - 1] = static_cast<int64_t>(j) - 1;
  }
  return column_of;
}

}  // namespace

std::vector<int64_t> AssignPairs(const std::vector<std::vector<double>>& weight) {
  const std::size_t rows = weight.size();
  if (rows == 0 || weight[0].empty()) return std::vector<int64_t>(rows, -1);
  const std::size_t columns = weight[0].size();
  // Any pair outweighs all possible sums of overlaps; padding columns leave rows unpaired.
  const double pair_gain = static_cast<double>(std::min(rows, columns)) + 1;
  std::vector<std::vector<double>> cost(rows, std::vector<double>(columns + rows, 0.0));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      if (weight[i][j] > 0) cost[i][j] = -(pair_gain + weight[i][j]);
    }
  }
  std::vector<int64_t> column_of = CheapestColumns(cost);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto j = static_cast<std::size_t>(column_of[i]);
    if (j >= columns || weight[i][j] <= 0) column_of[i] = -1;
  }
  return column_of;
}

RulePairs ApplyRule(const MatchResult& match,
                    const SharedVoxels& shared_vox,
                    const std::vector<int64_t>& candidate_idx,
                    const LabelledCase& labelled,
                    const MatchOptions& options) {
  switch (options.matching) {
    case Matching::kIou:
    case Matching::kDice:
      return OneToOne(match, shared_vox, options);
    case Matching::kDilated:
      return NearDilated(match, candidate_idx, labelled, options);
    case Matching::kCentre:
      return CentreInMask(match, labelled);
    case Matching::kAnyOverlap:
    case Matching::kMinOverlap:
      break;
  }
  const int64_t enough = options.matching == Matching::kMinOverlap ? options.min_overlap_vox : 1;
  RulePairs pairs;
  for (const auto& [pair, shared] : shared_vox) {
    if (shared >= enough) pairs.matched.insert(pair);
  }
  return pairs;
}

}  // namespace sap::eval
