// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <ATen/ATen.h>

#include "sap/eval/lesion_match.h"

namespace sap::eval {
namespace {

// Voxels of a component that have a face neighbour outside of it: the nearest voxels of two
// components that share none lie on their borders.
std::vector<XyzInt> BorderVoxels(const Tensor& labels_XYZ, const Component& component) {
  const auto label = labels_XYZ.accessor<int32_t, 3>();
  const Box volume{{0, 0, 0}, {labels_XYZ.size(0), labels_XYZ.size(1), labels_XYZ.size(2)}};
  const auto is_own = [&](const XyzInt& at) {
    return volume.Contains(at) && label[at.x][at.y][at.z] == component.label;
  };
  std::vector<XyzInt> border;
  const Box& box = component.box;
  for (int64_t x = box.begin_vox.x; x < box.end_vox.x; ++x) {
    for (int64_t y = box.begin_vox.y; y < box.end_vox.y; ++y) {
      for (int64_t z = box.begin_vox.z; z < box.end_vox.z; ++z) {
        if (label[x][y][z] != component.label) continue;
        const bool inside = is_own({x - 1, y, z}) && is_own({x + 1, y, z}) &&
                            is_own({x, y - 1, z}) && is_own({x, y + 1, z}) &&
                            is_own({x, y, z - 1}) && is_own({x, y, z + 1});
        if (!inside) border.push_back({x, y, z});
      }
    }
  }
  return border;
}

// Squared distance between the nearest voxel centres of two boxes.
double SquaredMm2(const Box& a, const Box& b, const XyzDouble& spacing_mm) {
  double sum = 0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int64_t gap_vox = std::max({int64_t{0},
                                      a.begin_vox[axis] - (b.end_vox[axis] - 1),
                                      b.begin_vox[axis] - (a.end_vox[axis] - 1)});
    const double gap_mm = static_cast<double>(gap_vox) * spacing_mm[axis];
    sum += gap_mm * gap_mm;
  }
  return sum;
}

Box VoxelBox(const XyzInt& at) {
  return {at, {at.x + 1, at.y + 1, at.z + 1}};
}

struct Border {
  Box box;
  std::vector<XyzInt> voxels;
};

// Lesions by rising distance of their boxes, so that most are left out unseen.
double NearestSquaredMm2(const Border& candidate,
                         const std::vector<Border>& lesions,
                         const XyzDouble& spacing_mm) {
  std::vector<std::pair<double, const Border*>> order;
  for (const Border& lesion : lesions) {
    order.emplace_back(SquaredMm2(candidate.box, lesion.box, spacing_mm), &lesion);
  }
  std::sort(order.begin(), order.end());
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [bound, lesion] : order) {
    if (bound >= best) break;
    for (const XyzInt& at : candidate.voxels) {
      if (SquaredMm2(VoxelBox(at), lesion->box, spacing_mm) >= best) continue;
      for (const XyzInt& other : lesion->voxels) {
        best = std::min(best, SquaredMm2(VoxelBox(at), VoxelBox(other), spacing_mm));
      }
    }
  }
  return best;
}

}  // namespace

void MeasureNearestLesions(const LabelledCase& labelled, MatchResult& match) {
  if (match.candidates.empty()) return;
  std::set<int32_t> touching;
  for (const auto& [pair, shared] : labelled.shared_vox) touching.insert(pair.second);
  std::vector<Border> lesions;
  for (const Component& lesion : labelled.reference.list) {
    lesions.push_back({lesion.box, BorderVoxels(labelled.reference.labels_XYZ, lesion)});
  }
  for (Candidate& candidate : match.candidates) {
    const Component& component = candidate.component;
    if (lesions.empty()) {
      candidate.nearest_lesion_mm = std::numeric_limits<double>::quiet_NaN();
    } else if (touching.contains(component.label)) {
      candidate.nearest_lesion_mm = 0;
    } else {
      const Border border{component.box, BorderVoxels(labelled.predicted.labels_XYZ, component)};
      candidate.nearest_lesion_mm =
          std::sqrt(NearestSquaredMm2(border, lesions, labelled.spacing_mm));
    }
  }
}

}  // namespace sap::eval
