// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_shape.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

struct PlanePoint {
  int64_t u = 0;
  int64_t v = 0;
};

// First and last voxel of the component in each line along v of each slice: its hull is theirs.
struct SliceLines {
  int64_t num_lines = 0;  // per slice
  std::vector<int64_t> first_v;
  std::vector<int64_t> last_v;  // below first_v where the line is empty
};

struct PlaneAxes {
  std::size_t slice = 2;
  std::size_t u = 0;
  std::size_t v = 1;
};

SliceLines FindLines(const Tensor& labels_XYZ, const Component& component, const PlaneAxes& axes) {
  const Box& box = component.box;
  const XyzInt size_vox = box.SizeVox();
  SliceLines lines{.num_lines = size_vox[axes.u]};
  const auto count = static_cast<std::size_t>(size_vox[axes.slice] * lines.num_lines);
  lines.first_v.assign(count, std::numeric_limits<int64_t>::max());
  lines.last_v.assign(count, -1);
  const int32_t* label = labels_XYZ.const_data_ptr<int32_t>();
  XyzInt at;
  for (at.x = 0; at.x < size_vox.x; ++at.x) {
    for (at.y = 0; at.y < size_vox.y; ++at.y) {
      const int64_t row = ((box.begin_vox.x + at.x) * labels_XYZ.size(1) + box.begin_vox.y + at.y) *
                              labels_XYZ.size(2) +
                          box.begin_vox.z;
      for (at.z = 0; at.z < size_vox.z; ++at.z) {
        if (label[row + at.z] != component.label) continue;
        const auto line = static_cast<std::size_t>(at[axes.slice] * lines.num_lines + at[axes.u]);
        lines.first_v[line] = std::min(lines.first_v[line], at[axes.v]);
        lines.last_v[line] = std::max(lines.last_v[line], at[axes.v]);
      }
    }
  }
  return lines;
}

// Appends `point` to one side of a hull that turns towards `side`, dropping what lies inside.
void Extend(std::vector<PlanePoint>& hull, const PlanePoint& point, int64_t side) {
  while (hull.size() >= 2) {
    const PlanePoint& a = hull[hull.size() - 2];
    const PlanePoint& b = hull.back();
    const int64_t turn = (b.u - a.u) * (point.v - a.v) - (b.v - a.v) * (point.u - a.u);
    if (turn * side > 0) break;
    hull.pop_back();
  }
  hull.push_back(point);
}

// Corners of the convex hull of one slice (Andrew's chain over its lines); integers, so exact.
std::vector<PlanePoint> SliceHull(const SliceLines& lines, int64_t slice) {
  std::vector<PlanePoint> lower;
  std::vector<PlanePoint> upper;
  for (int64_t u = 0; u < lines.num_lines; ++u) {
    const auto line = static_cast<std::size_t>(slice * lines.num_lines + u);
    if (lines.last_v[line] < 0) continue;
    Extend(lower, {u, lines.first_v[line]}, 1);
    Extend(upper, {u, lines.last_v[line]}, -1);
  }
  lower.insert(lower.end(), upper.begin(), upper.end());
  return lower;
}

double Distance(const XyzDouble& a, const XyzDouble& b) {
  return std::hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

// Points by falling distance from their mean: two points are at most the sum of theirs apart, so
// most pairs need no look.
double LargestDistance(const std::vector<XyzDouble>& points_mm, double at_least_mm) {
  XyzDouble mean;
  for (const XyzDouble& p : points_mm) {
    for (std::size_t a = 0; a < 3; ++a) mean[a] += p[a] / static_cast<double>(points_mm.size());
  }
  std::vector<std::pair<double, XyzDouble>> by_radius;
  for (const XyzDouble& p : points_mm) by_radius.emplace_back(Distance(p, mean), p);
  std::sort(by_radius.begin(), by_radius.end(), [](const auto& a, const auto& b) {
    return a.first > b.first;
  });
  double largest_mm = at_least_mm;
  for (std::size_t i = 0; i < by_radius.size(); ++i) {
    for (std::size_t j = i + 1; j < by_radius.size(); ++j) {
      if (by_radius[i].first + by_radius[j].first <= largest_mm) break;
      largest_mm = std::max(largest_mm, Distance(by_radius[i].second, by_radius[j].second));
    }
  }
  return largest_mm;
}

// visit(component index, value) for each voxel of each component.
template <typename Visit>
void ForEachInside(const Tensor& labels_XYZ,
                   const std::vector<Component>& components,
                   const Tensor& map_XYZ,
                   const Visit& visit) {
  SAP_CHECK(labels_XYZ.sizes() == map_XYZ.sizes() && labels_XYZ.is_contiguous(),
            "labels {} and a map {}",
            ShapeString(labels_XYZ),
            ShapeString(map_XYZ));
  int32_t largest_label = 0;
  for (const Component& c : components) largest_label = std::max(largest_label, c.label);
  std::vector<int64_t> idx_of_label(static_cast<std::size_t>(largest_label) + 1, -1);
  for (std::size_t i = 0; i < components.size(); ++i) {
    idx_of_label[static_cast<std::size_t>(components[i].label)] = static_cast<int64_t>(i);
  }
  const Tensor map = map_XYZ.to(at::kFloat).contiguous();
  const float* value = map.const_data_ptr<float>();
  const int32_t* label = labels_XYZ.const_data_ptr<int32_t>();
  for (int64_t i = 0; i < map.numel(); ++i) {
    if (label[i] == 0 || label[i] > largest_label) continue;
    const int64_t idx = idx_of_label[static_cast<std::size_t>(label[i])];
    if (idx >= 0) visit(static_cast<std::size_t>(idx), static_cast<double>(value[i]));
  }
}

}  // namespace

LesionShape MeasureShape(const Tensor& labels_XYZ,
                         const Component& component,
                         const XyzDouble& spacing_mm,
                         int axial_axis) {
  SAP_CHECK(labels_XYZ.scalar_type() == at::kInt && labels_XYZ.is_contiguous(),
            "labels {}",
            ShapeString(labels_XYZ));
  SAP_CHECK(axial_axis >= 0 && axial_axis < 3, "axis {}", axial_axis);
  const auto slice_axis = static_cast<std::size_t>(axial_axis);
  const PlaneAxes axes{slice_axis, slice_axis == 0 ? 1U : 0U, slice_axis == 2 ? 1U : 2U};
  const SliceLines lines = FindLines(labels_XYZ, component, axes);
  LesionShape shape{.longest_mm = 0, .axial_mm = 0};
  std::vector<XyzDouble> corners_mm;
  for (int64_t slice = 0; slice < component.box.SizeVox()[axes.slice]; ++slice) {
    std::vector<XyzDouble> of_slice_mm;
    for (const PlanePoint& p : SliceHull(lines, slice)) {
      XyzDouble& at_mm = of_slice_mm.emplace_back();
      at_mm[axes.slice] = static_cast<double>(slice) * spacing_mm[axes.slice];
      at_mm[axes.u] = static_cast<double>(p.u) * spacing_mm[axes.u];
      at_mm[axes.v] = static_cast<double>(p.v) * spacing_mm[axes.v];
    }
    shape.axial_mm = LargestDistance(of_slice_mm, shape.axial_mm);
    corners_mm.insert(corners_mm.end(), of_slice_mm.begin(), of_slice_mm.end());
  }
  shape.longest_mm = LargestDistance(corners_mm, shape.axial_mm);
  return shape;
}

std::vector<double> MeanPositiveInside(const Tensor& labels_XYZ,
                                       const std::vector<Component>& components,
                                       const Tensor& map_XYZ) {
  std::vector<double> sums(components.size(), 0.0);
  std::vector<int64_t> counts(components.size(), 0);
  ForEachInside(labels_XYZ, components, map_XYZ, [&](std::size_t c, double value) {
    if (!(value > 0)) return;
    sums[c] += value;
    ++counts[c];
  });
  for (std::size_t c = 0; c < sums.size(); ++c) {
    sums[c] = counts[c] > 0 ? sums[c] / static_cast<double>(counts[c])
                            : std::numeric_limits<double>::quiet_NaN();
  }
  return sums;
}

std::vector<double> LargestInside(const Tensor& labels_XYZ,
                                  const std::vector<Component>& components,
                                  const Tensor& map_XYZ) {
  std::vector<double> largest(components.size(), -std::numeric_limits<double>::infinity());
  ForEachInside(labels_XYZ, components, map_XYZ, [&](std::size_t c, double value) {
    largest[c] = std::max(largest[c], value);
  });
  return largest;
}

}  // namespace sap::eval
