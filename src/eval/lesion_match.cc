// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_match.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "eval/volume_rule.h"
#include "sap/core/error.h"

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

// Voxels shared by each (lesion, candidate) pair, and the lesions' centroids: one pass.
std::map<std::pair<int32_t, int32_t>, int64_t> JointHistogram(
    const Tensor& reference_labels,
    const Tensor& candidate_labels,
    std::vector<ReferenceLesion>& lesions) {
  std::map<std::pair<int32_t, int32_t>, int64_t> shared_vox;
  const int32_t* g = reference_labels.data_ptr<int32_t>();
  const int32_t* c = candidate_labels.data_ptr<int32_t>();
  const int64_t size_y = reference_labels.size(1);
  const int64_t size_z = reference_labels.size(2);
  for (int64_t i = 0; i < reference_labels.numel(); ++i) {
    if (g[i] == 0) continue;
    XyzDouble& sum = lesions[static_cast<std::size_t>(g[i] - 1)].centroid_vox;
    sum.x += static_cast<double>(i / (size_y * size_z));
    sum.y += static_cast<double>(i / size_z % size_y);
    sum.z += static_cast<double>(i % size_z);
    if (c[i] != 0) ++shared_vox[{g[i], c[i]}];
  }
  for (ReferenceLesion& lesion : lesions) {
    for (std::size_t a = 0; a < 3; ++a) {
      lesion.centroid_vox[a] /= static_cast<double>(lesion.component.num_vox);
    }
  }
  return shared_vox;
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

void MarkFalsePositives(MatchResult& match, const MatchOptions& options) {
  for (Candidate& candidate : match.candidates) {
    candidate.false_positive = candidate.lesions.empty();
    const bool touches_large =
        std::any_of(candidate.lesions.begin(), candidate.lesions.end(), [&](int64_t g) {
          return match.lesions[static_cast<std::size_t>(g)].large;
        });
    candidate.large_false_positive =
        candidate.large &&
        (options.large_fp == LargeFalsePositive::kAnyLesion ? candidate.false_positive
                                                            : !touches_large);
  }
}

}  // namespace

double ReferenceLesion::UnionDice() const {
  return 2.0 * static_cast<double>(overlap_vox) /
         static_cast<double>(component.num_vox + candidates_vox);
}

MatchResult MatchLesions(const Tensor& reference_XYZ,
                         const Tensor& predicted_XYZ,
                         const XyzDouble& spacing_mm,
                         const MatchOptions& options) {
  SAP_CHECK(reference_XYZ.sizes() == predicted_XYZ.sizes(),
            "{} against {}",
            ShapeString(reference_XYZ),
            ShapeString(predicted_XYZ));
  const auto connectivity = static_cast<Connectivity>(options.connectivity);
  const Components reference = LabelComponents(reference_XYZ, connectivity);
  const Components predicted = LabelComponents(predicted_XYZ, connectivity);
  MatchResult match;
  match.lesions = Lesions(reference, spacing_mm, options);
  std::vector<int64_t> candidate_idx(predicted.list.size() + 1, -1);  // by label; -1 = dropped
  for (const Component& component : predicted.list) {
    if (!AtLeastMl(component.num_vox, spacing_mm, options.min_candidate_ml)) continue;
    candidate_idx[static_cast<std::size_t>(component.label)] = std::ssize(match.candidates);
    match.candidates.push_back(
        {.component = component,
         .volume_ml = VolumeMl(component.num_vox, spacing_mm),
         .large = AtLeastMl(component.num_vox, spacing_mm, options.large_ml)});
  }
  for (const auto& [pair, shared_vox] :
       JointHistogram(reference.labels_XYZ, predicted.labels_XYZ, match.lesions)) {
    const int64_t g = pair.first - 1;
    const int64_t c = candidate_idx[static_cast<std::size_t>(pair.second)];
    if (c < 0) continue;
    ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    Candidate& candidate = match.candidates[static_cast<std::size_t>(c)];
    lesion.candidates.push_back(c);
    lesion.overlap_vox += shared_vox;
    lesion.candidates_vox += candidate.component.num_vox;
    candidate.lesions.push_back(g);
  }
  MarkFalsePositives(match, options);
  FindGroups(match);
  return match;
}

}  // namespace sap::eval
