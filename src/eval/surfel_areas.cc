// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "sap/eval/surface.h"

namespace sap::eval {
namespace {

using Loop = std::vector<XyzDouble>;     // edge midpoints of one closed polygon, in order
using Normals = std::vector<XyzDouble>;  // of triangles on the unit grid, length = area

XyzDouble Corner(int index) {
  return {static_cast<double>(index >> 2),
          static_cast<double>(index >> 1 & 1),
          static_cast<double>(index & 1)};
}

// Half the cross product of two sides.
XyzDouble TriangleNormal(const XyzDouble& a, const XyzDouble& b, const XyzDouble& c) {
  const XyzDouble u{b.x - a.x, b.y - a.y, b.z - a.z};
  const XyzDouble v{c.x - a.x, c.y - a.y, c.z - a.z};
  return {
      0.5 * (u.y * v.z - u.z * v.y), 0.5 * (u.z * v.x - u.x * v.z), 0.5 * (u.x * v.y - u.y * v.x)};
}

double Length(const XyzDouble& v) {
  return std::sqrt(v.x * v.x + v.y * v.y + v.z * v.z);
}

// Edges of the cube are numbered first corner * 8 + second corner.
int EdgeId(int a, int b) {
  return std::min(a, b) * 8 + std::max(a, b);
}

// On each face the surface runs between edges whose ends differ; where all four do, the set
// corners are cut off one by one.
std::map<int, std::vector<int>> EdgeNeighbours(int code) {
  std::map<int, std::vector<int>> neighbours;
  const auto is_set = [&](int corner) { return (code >> corner & 1) != 0; };
  const auto join = [&](int edge_a, int edge_b) {
    neighbours[edge_a].push_back(edge_b);
    neighbours[edge_b].push_back(edge_a);
  };
  for (const auto& [axis, u, v] : {std::array{4, 2, 1}, std::array{2, 4, 1}, std::array{1, 4, 2}}) {
    for (const int side : {0, axis}) {
      const std::array<int, 4> ring = {side, side + u, side + u + v, side + v};
      std::vector<int> crossed;
      for (std::size_t i = 0; i < 4; ++i) {
        if (is_set(ring[i]) != is_set(ring[(i + 1) % 4])) {
          crossed.push_back(EdgeId(ring[i], ring[(i + 1) % 4]));
        }
      }
      if (crossed.size() == 2) join(crossed[0], crossed[1]);
      if (crossed.size() != 4) continue;
      // crossed[i] leaves ring[i]: corner i lies between crossed[i - 1] and crossed[i].
      for (std::size_t i = 0; i < 4; ++i) {
        if (is_set(ring[i])) join(crossed[(i + 3) % 4], crossed[i]);
      }
    }
  }
  return neighbours;
}

std::vector<Loop> SurfaceLoops(int code) {
  std::map<int, std::vector<int>> neighbours = EdgeNeighbours(code);
  std::vector<Loop> loops;
  while (!neighbours.empty()) {
    Loop loop;
    int edge = neighbours.begin()->first;
    while (neighbours.contains(edge)) {
      const XyzDouble a = Corner(edge / 8);
      const XyzDouble b = Corner(edge % 8);
      loop.push_back({0.5 * (a.x + b.x), 0.5 * (a.y + b.y), 0.5 * (a.z + b.z)});
      const auto next = neighbours.extract(edge).mapped();
      edge = neighbours.contains(next[0]) ? next[0] : next[1];
    }
    loops.push_back(std::move(loop));
  }
  return loops;
}

// The triangulation of largest area of loop[first..last]. Polygons here are planar or fold once
// or twice along a diagonal; the classic triangulation is the one that keeps those folds.
std::pair<double, Normals> Triangulate(const Loop& loop, std::size_t first, std::size_t last) {
  std::pair<double, Normals> best{0.0, {}};
  for (std::size_t k = first + 1; k < last; ++k) {
    auto [left_area, normals] = Triangulate(loop, first, k);
    const auto [right_area, right] = Triangulate(loop, k, last);
    normals.insert(normals.end(), right.begin(), right.end());
    normals.push_back(TriangleNormal(loop[first], loop[k], loop[last]));
    const double area = left_area + right_area + Length(normals.back());
    if (area > best.first) best = {area, std::move(normals)};
  }
  return best;
}

// Classic marching cubes up to four set corners; a code and its complement share their surface.
std::array<Normals, 256> UnitNormals() {
  std::array<Normals, 256> table;
  for (int code = 1; code < 255; ++code) {
    const int few = std::popcount(static_cast<unsigned>(code)) <= 4 ? code : 255 - code;
    for (const Loop& loop : SurfaceLoops(few)) {
      const Normals normals = Triangulate(loop, 0, loop.size() - 1).second;
      auto& all = table[static_cast<std::size_t>(code)];
      all.insert(all.end(), normals.begin(), normals.end());
    }
  }
  return table;
}

}  // namespace

std::array<double, 256> SurfelAreas(const XyzDouble& spacing_mm) {
  static const std::array<Normals, 256> kNormals = UnitNormals();
  std::array<double, 256> areas_mm2{};
  const XyzDouble& s = spacing_mm;
  for (std::size_t code = 0; code < 256; ++code) {
    for (const XyzDouble& n : kNormals[code]) {
      areas_mm2[code] += Length({n.x * s.y * s.z, n.y * s.x * s.z, n.z * s.x * s.y});
    }
  }
  return areas_mm2;
}

}  // namespace sap::eval
