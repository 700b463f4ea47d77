// SPDX-License-Identifier: Apache-2.0
#include "sap/image/orient.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "image/axis_map.h"
#include "image/matrix3.h"
#include "image/strided_copy.h"
#include "sap/core/error.h"

namespace sap {
namespace {

Geometry MappedGeometry(const Geometry& old, const AxisMap& map) {
  Geometry result;
  XyzDouble first_vox;  // the old index of the new voxel (0, 0, 0)
  for (std::size_t t = 0; t < 3; ++t) {
    const std::size_t a = map.from[t];
    result.size_vox[t] = old.size_vox[a];
    result.spacing_mm[t] = old.spacing_mm[a];
    for (std::size_t r = 0; r < 3; ++r) {
      // + 0.0 turns -0.0 into 0.0
      result.direction[r][t] = (map.flip[t] ? -old.direction[r][a] : old.direction[r][a]) + 0.0;
    }
    first_vox[a] = map.flip[t] ? static_cast<double>(old.size_vox[a] - 1) : 0.0;
  }
  result.origin_mm = old.LpsFromVox(first_vox);
  return result;
}

Volume Mapped(const Volume& volume, const AxisMap& map) {
  const Geometry geometry = MappedGeometry(volume.geometry(), map);
  const Tensor source_XYZ = volume.data().contiguous();
  StridedSource source;
  for (std::size_t t = 0; t < 3; ++t) {
    const auto a = static_cast<int64_t>(map.from[t]);
    source.stride[t] = map.flip[t] ? -source_XYZ.stride(a) : source_XYZ.stride(a);
    if (map.flip[t]) source.first += (source_XYZ.size(a) - 1) * source_XYZ.stride(a);
  }
  Tensor result_XYZ = at::empty({geometry.size_vox.x, geometry.size_vox.y, geometry.size_vox.z},
                                source_XYZ.options());
  CopyStrided(source_XYZ, source, result_XYZ);
  return {result_XYZ, geometry};
}

// The axis map that takes an orientation to a three-letter code.
AxisMap MapToCode(const Matrix3& direction, const std::string& code) {
  const std::array<std::size_t, 3> lps_axis = NearestLpsAxes(direction);
  AxisMap map;
  std::array<bool, 3> used{};
  bool valid = code.size() == 3;
  for (std::size_t t = 0; t < 3 && valid; ++t) {
    bool found = false;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::size_t end = kLpsLetters[axis].find(code[t]);
      if (end == std::string_view::npos || used[axis]) continue;
      const auto a = static_cast<std::size_t>(std::find(lps_axis.begin(), lps_axis.end(), axis) -
                                              lps_axis.begin());
      const bool negative = direction[axis][a] < 0.0;
      map.from[t] = a;
      map.flip[t] = negative != (end == 1);
      used[axis] = found = true;
    }
    valid = found;
  }
  SAP_REQUIRE(ErrorKind::kOption,
              valid,
              "orientation \"{}\" is not three letters, one each of L/R, P/A and S/I, that say "
              "where the axes run to; use \"LPS\"",
              code);
  return map;
}

bool IsIdentity(const AxisMap& map) {
  return map.from == AxisMap{}.from && map.flip == AxisMap{}.flip;
}

}  // namespace

std::array<std::size_t, 3> NearestLpsAxes(const Matrix3& direction) {
  std::array<std::size_t, 3> order{0, 1, 2};
  std::array<std::size_t, 3> best = order;
  double best_sum = -1.0;
  do {
    double sum = 0.0;
    for (std::size_t a = 0; a < 3; ++a) sum += std::abs(direction[order[a]][a]);
    if (sum > best_sum + 1e-9) {
      best_sum = sum;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

Volume Reorient(const Volume& volume, const std::string& code) {
  const AxisMap map = MapToCode(volume.geometry().direction, code);
  return IsIdentity(map) ? volume : Mapped(volume, map);
}

Volume ReorientLike(const Volume& volume, const Geometry& native) {
  // Cosines between the axes of the two grids: +-1 and 0 when one is a reoriented other.
  const Matrix3 cosine =
      matrix3::Product(matrix3::Transposed(volume.geometry().direction), native.direction);
  AxisMap map;
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t a = 0; a < 3; ++a) {
      if (std::abs(cosine[a][t]) > 0.5) {
        map.from[t] = a;
        map.flip[t] = cosine[a][t] < 0.0;
      }
    }
  }
  std::array<std::size_t, 3> sorted = map.from;
  std::sort(sorted.begin(), sorted.end());
  const bool is_permutation = sorted == AxisMap{}.from;
  const Volume mapped = is_permutation && !IsIdentity(map) ? Mapped(volume, map) : volume;
  SAP_REQUIRE(ErrorKind::kGeometry,
              mapped.geometry().SameGridAs(native, 1e-2),
              "a volume is not on a reoriented grid of the input: {}; predict again from the "
              "input, or resample first",
              mapped.geometry().DifferenceFrom(native, 1e-2));
  return {mapped.data(), native};
}

}  // namespace sap
