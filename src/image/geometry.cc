// SPDX-License-Identifier: Apache-2.0
#include "sap/image/geometry.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "image/axis_map.h"
#include "image/matrix3.h"

namespace sap {
namespace {

double LargestCornerGapMm(const Geometry& a, const Geometry& b) {
  double gap_mm = 0.0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    XyzDouble index_vox;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      index_vox[axis] =
          (corner >> axis & 1U) != 0 ? static_cast<double>(a.size_vox[axis] - 1) : 0.0;
    }
    const XyzDouble p = a.LpsFromVox(index_vox);
    const XyzDouble q = b.LpsFromVox(index_vox);
    gap_mm = std::max(gap_mm, std::hypot(p.x - q.x, p.y - q.y, p.z - q.z));
  }
  return gap_mm;
}

std::string Times(const XyzDouble& v) {
  return fmt::format("{:.6g}x{:.6g}x{:.6g}", v.x, v.y, v.z);
}

std::string List(const XyzDouble& v) {
  return fmt::format("({:.6g}, {:.6g}, {:.6g})", v.x, v.y, v.z);
}

}  // namespace

XyzDouble Geometry::LpsFromVox(const XyzDouble& index_vox) const {
  const XyzDouble offset_mm = matrix3::Times(
      direction,
      {spacing_mm.x * index_vox.x, spacing_mm.y * index_vox.y, spacing_mm.z * index_vox.z});
  return {origin_mm.x + offset_mm.x, origin_mm.y + offset_mm.y, origin_mm.z + offset_mm.z};
}

XyzDouble Geometry::VoxFromLps(const XyzDouble& lps_mm) const {
  const XyzDouble along_mm =
      matrix3::Times(matrix3::Inverse(direction),
                     {lps_mm.x - origin_mm.x, lps_mm.y - origin_mm.y, lps_mm.z - origin_mm.z});
  return {along_mm.x / spacing_mm.x, along_mm.y / spacing_mm.y, along_mm.z / spacing_mm.z};
}

bool Geometry::SameGridAs(const Geometry& other, double tol_mm) const {
  return size_vox == other.size_vox && LargestCornerGapMm(*this, other) <= tol_mm;
}

std::string Geometry::DifferenceFrom(const Geometry& other, double tol_mm) const {
  if (size_vox != other.size_vox) {
    return fmt::format("size {} against {} voxels", size_vox, other.size_vox);
  }
  const double gap_mm = LargestCornerGapMm(*this, other);
  if (gap_mm <= tol_mm) return "";
  for (std::size_t a = 0; a < 3; ++a) {
    const double extent_vox = static_cast<double>(std::max<int64_t>(size_vox[a] - 1, 1));
    if (std::abs(spacing_mm[a] - other.spacing_mm[a]) * extent_vox > tol_mm) {
      return fmt::format("spacing {} mm against {} mm", Times(spacing_mm), Times(other.spacing_mm));
    }
  }
  const XyzDouble shift_mm{origin_mm.x - other.origin_mm.x,
                           origin_mm.y - other.origin_mm.y,
                           origin_mm.z - other.origin_mm.z};
  if (std::hypot(shift_mm.x, shift_mm.y, shift_mm.z) > tol_mm) {
    return fmt::format("origin {} mm against {} mm", List(origin_mm), List(other.origin_mm));
  }
  return fmt::format("direction {} against {}, corners {:.3g} mm apart",
                     OrientationCode(),
                     other.OrientationCode(),
                     gap_mm);
}

std::string Geometry::ToString() const {
  return fmt::format("{} voxels of {} mm, origin {} mm LPS, axes {}",
                     size_vox,
                     Times(spacing_mm),
                     List(origin_mm),
                     OrientationCode());
}

Geometry Geometry::Cropped(const Box& box) const {
  Geometry result = *this;
  result.size_vox = box.SizeVox();
  result.origin_mm = LpsFromVox({static_cast<double>(box.begin_vox.x),
                                 static_cast<double>(box.begin_vox.y),
                                 static_cast<double>(box.begin_vox.z)});
  return result;
}

std::string Geometry::OrientationCode() const {
  const std::array<std::size_t, 3> lps_axis = NearestLpsAxes(direction);
  std::string code;
  for (std::size_t a = 0; a < 3; ++a) {
    code += kLpsLetters[lps_axis[a]][direction[lps_axis[a]][a] < 0.0 ? 1 : 0];
  }
  return code;
}

}  // namespace sap
