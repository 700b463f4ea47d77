// SPDX-License-Identifier: Apache-2.0
#include "eval/lesion_pairs.h"

#include <algorithm>
#include <set>

#include <ATen/ATen.h>

#include "sap/core/parallel.h"
#include "sap/image/nearest_label.h"

namespace sap::eval {
namespace {

const Candidate& At(const MatchResult& match, int64_t c) {
  return match.candidates[static_cast<std::size_t>(c)];
}

Box Joined(const Box& a, const Box& b) {
  Box box;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    box.begin_vox[axis] = std::min(a.begin_vox[axis], b.begin_vox[axis]);
    box.end_vox[axis] = std::max(a.end_vox[axis], b.end_vox[axis]);
  }
  return box;
}

Tensor Crop(const Tensor& labels_XYZ, const Box& box) {
  Tensor crop_XYZ = labels_XYZ;
  for (std::size_t a = 0; a < 3; ++a) {
    crop_XYZ = crop_XYZ.slice(static_cast<int64_t>(a), box.begin_vox[a], box.end_vox[a]);
  }
  return crop_XYZ;
}

int64_t Shared(const SharedVoxels& shared_vox, int64_t g, int64_t c) {
  const auto found = shared_vox.find({g, c});
  return found == shared_vox.end() ? 0 : found->second;
}

Box Relative(const Box& box, const XyzInt& origin_vox) {
  Box moved;
  for (std::size_t a = 0; a < 3; ++a) {
    moved.begin_vox[a] = box.begin_vox[a] - origin_vox[a];
    moved.end_vox[a] = box.end_vox[a] - origin_vox[a];
  }
  return moved;
}

// The candidate's voxels by the lesion that each is nearest to.
VoronoiPart NearestLesions(const Candidate& candidate,
                           const MatchResult& match,
                           const LabelledCase& labelled) {
  const Box& own_box = candidate.component.box;
  Box box = own_box;  // a lesion's nearest voxel may lie outside of it
  for (const int64_t g : candidate.lesions) {
    box = Joined(box, match.lesions[static_cast<std::size_t>(g)].component.box);
  }
  const Tensor reference_XYZ = Crop(labelled.reference.labels_XYZ, box);
  Tensor seeds_XYZ = at::zeros(reference_XYZ.sizes(), at::kInt);
  for (const int64_t g : candidate.lesions) {
    const int32_t label = match.lesions[static_cast<std::size_t>(g)].component.label;
    seeds_XYZ.masked_fill_(reference_XYZ.eq(label), label);
  }
  const Tensor nearest_XYZ =
      Crop(NearestLabel(seeds_XYZ, labelled.spacing_mm), Relative(own_box, box.begin_vox));
  const Tensor is_own_XYZ =
      Crop(labelled.predicted.labels_XYZ, own_box).eq(candidate.component.label);
  VoronoiPart part{.box = own_box, .lesion_XYZ = (nearest_XYZ * is_own_XYZ).to(at::kInt)};
  const int32_t* label = part.lesion_XYZ.data_ptr<int32_t>();
  for (int64_t i = 0; i < part.lesion_XYZ.numel(); ++i) {
    if (label[i] != 0) ++part.num_vox[label[i]];
  }
  return part;
}

VoronoiParts Divide(const MatchResult& match, const LabelledCase& labelled) {
  VoronoiParts parts;
  for (int64_t c = 0; c < std::ssize(match.candidates); ++c) {
    const Candidate& candidate = At(match, c);
    if (candidate.lesions.size() > 1) parts[c] = NearestLesions(candidate, match, labelled);
  }
  return parts;
}

// The voxels of a box whose label is one of `wanted`, bool.
Tensor CropMask(const Tensor& labels_XYZ, const Box& box, const std::vector<int32_t>& wanted) {
  const XyzInt size_vox = box.SizeVox();
  Tensor mask_XYZ = at::empty({size_vox.x, size_vox.y, size_vox.z}, at::kBool);
  bool* out = mask_XYZ.data_ptr<bool>();
  const int32_t* labels = labels_XYZ.data_ptr<int32_t>();
  for (int64_t x = box.begin_vox.x; x < box.end_vox.x; ++x) {
    for (int64_t y = box.begin_vox.y; y < box.end_vox.y; ++y) {
      const int32_t* row = labels + (x * labels_XYZ.size(1) + y) * labels_XYZ.size(2);
      for (int64_t z = box.begin_vox.z; z < box.end_vox.z; ++z) {
        *out++ = row[z] != 0 && std::find(wanted.begin(), wanted.end(), row[z]) != wanted.end();
      }
    }
  }
  return mask_XYZ;
}

// Candidates, or their parts that belong to the lesion, inside `box`.
Tensor PairedMask(const ReferenceLesion& lesion,
                  const Box& box,
                  const MatchResult& match,
                  const LabelledCase& labelled,
                  const VoronoiParts& parts) {
  std::vector<int32_t> whole;
  for (const int64_t c : lesion.paired) {
    if (!parts.contains(c)) whole.push_back(At(match, c).component.label);
  }
  Tensor mask_XYZ = CropMask(labelled.predicted.labels_XYZ, box, whole);
  for (const int64_t c : lesion.paired) {
    const auto part = parts.find(c);
    if (part == parts.end()) continue;
    Crop(mask_XYZ, Relative(part->second.box, box.begin_vox))
        .logical_or_(part->second.lesion_XYZ.eq(lesion.component.label));
  }
  return mask_XYZ;
}

int64_t PairedVox(int64_t c,
                  const ReferenceLesion& lesion,
                  const MatchResult& match,
                  const VoronoiParts& parts) {
  const auto part = parts.find(c);
  if (part == parts.end()) return At(match, c).component.num_vox;
  const auto found = part->second.num_vox.find(lesion.component.label);
  return found == part->second.num_vox.end() ? 0 : found->second;
}

void SetGroupPairs(const SharedVoxels& shared_vox, MatchResult& match) {
  for (int group = 0; group < static_cast<int>(match.groups.size()); ++group) {
    std::vector<int64_t> members;
    std::set<int64_t> candidates;
    ReferenceLesion sums;
    for (int64_t g = 0; g < std::ssize(match.lesions); ++g) {
      const ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
      if (lesion.group_idx != group) continue;
      members.push_back(g);
      sums.reference_vox += lesion.component.num_vox;
      candidates.insert(lesion.candidates.begin(), lesion.candidates.end());
    }
    for (const int64_t c : candidates) {
      sums.candidates_vox += At(match, c).component.num_vox;
      for (const int64_t g : members) sums.overlap_vox += Shared(shared_vox, g, c);
    }
    for (const int64_t g : members) {
      ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
      lesion.paired.assign(candidates.begin(), candidates.end());
      lesion.reference_vox = sums.reference_vox;
      lesion.overlap_vox = sums.overlap_vox;
      lesion.candidates_vox = sums.candidates_vox;
      lesion.repeats_group = g != members.front();
    }
  }
}

// Lesions whose union is compared: itself, or its group's.
std::vector<int64_t> Members(int64_t g, const MatchResult& match, LesionPair rule) {
  if (rule != LesionPair::kGroup) return {g};
  std::vector<int64_t> members;
  const int group = match.lesions[static_cast<std::size_t>(g)].group_idx;
  for (int64_t other = 0; other < std::ssize(match.lesions); ++other) {
    if (match.lesions[static_cast<std::size_t>(other)].group_idx == group) members.push_back(other);
  }
  return members;
}

SurfaceScores SurfacesOf(int64_t g,
                         const MatchResult& match,
                         const LabelledCase& labelled,
                         const VoronoiParts& parts,
                         LesionPair rule,
                         const std::vector<double>& tolerances_mm) {
  const ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
  const std::vector<int64_t> members = Members(g, match, rule);
  Box box = lesion.component.box;
  for (const int64_t other : members) {
    box = Joined(box, match.lesions[static_cast<std::size_t>(other)].component.box);
  }
  for (const int64_t c : lesion.paired) box = Joined(box, At(match, c).component.box);
  std::vector<int32_t> own;
  for (const int64_t other : members) {
    own.push_back(match.lesions[static_cast<std::size_t>(other)].component.label);
  }
  return CompareSurfaces(CropMask(labelled.reference.labels_XYZ, box, own),
                         PairedMask(lesion, box, match, labelled, parts),
                         labelled.spacing_mm,
                         tolerances_mm);
}

}  // namespace

int64_t BestCandidate(const ReferenceLesion& lesion, int64_t g, const SharedVoxels& shared_vox) {
  return *std::max_element(
      lesion.candidates.begin(), lesion.candidates.end(), [&](int64_t a, int64_t b) {
        return Shared(shared_vox, g, a) < Shared(shared_vox, g, b);
      });
}

void SetPairs(const LabelledCase& labelled,
              const SharedVoxels& shared_vox,
              LesionPair rule,
              MatchResult& match,
              VoronoiParts* parts) {
  VoronoiParts divided;
  if (rule == LesionPair::kVoronoi) divided = Divide(match, labelled);
  for (int64_t g = 0; g < std::ssize(match.lesions); ++g) {
    ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    lesion.reference_vox = lesion.component.num_vox;
    lesion.paired = lesion.candidates;
    if (rule == LesionPair::kBest && lesion.detected()) {
      lesion.paired = {BestCandidate(lesion, g, shared_vox)};
    }
    for (const int64_t c : lesion.paired) {
      lesion.overlap_vox += Shared(shared_vox, g, c);
      lesion.candidates_vox += PairedVox(c, lesion, match, divided);
    }
  }
  if (rule == LesionPair::kGroup) SetGroupPairs(shared_vox, match);
  if (parts != nullptr) *parts = std::move(divided);
}

std::vector<SurfaceScores> PairSurfaces(const MatchResult& match,
                                        const LabelledCase& labelled,
                                        const VoronoiParts& parts,
                                        LesionPair rule,
                                        const std::vector<double>& tolerances_mm) {
  std::vector<SurfaceScores> surfaces(match.lesions.size());
  ParallelFor(std::ssize(surfaces), 1, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      if (!match.lesions[static_cast<std::size_t>(g)].HasPairValue()) continue;
      surfaces[static_cast<std::size_t>(g)] =
          SurfacesOf(g, match, labelled, parts, rule, tolerances_mm);
    }
  });
  std::map<int, std::size_t> first_of_group;
  for (std::size_t g = 0; g < surfaces.size(); ++g) {
    const ReferenceLesion& lesion = match.lesions[g];
    if (lesion.HasPairValue()) first_of_group[lesion.group_idx] = g;
    if (lesion.repeats_group) surfaces[g] = surfaces[first_of_group.at(lesion.group_idx)];
  }
  return surfaces;
}

}  // namespace sap::eval
