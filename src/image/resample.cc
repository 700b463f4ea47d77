// SPDX-License-Identifier: Apache-2.0
#include "sap/image/resample.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

// Rounding of a point that lies on a voxel's face: it counts as inside the volume, and half-way
// between two voxels it takes the higher one all along the face.
constexpr double kSlackVox = 1e-6;

// source_vox = first_vox + x * step_vox[0] + y * step_vox[1] + z * step_vox[2]
struct VoxFromVox {
  XyzDouble first_vox;
  std::array<XyzDouble, 3> step_vox;

  XyzDouble At(int64_t x, int64_t y, int64_t z) const {
    XyzDouble result;
    for (std::size_t a = 0; a < 3; ++a) {
      result[a] = first_vox[a] + static_cast<double>(x) * step_vox[0][a] +
                  static_cast<double>(y) * step_vox[1][a] + static_cast<double>(z) * step_vox[2][a];
    }
    return result;
  }
};

VoxFromVox SourceFromGrid(const Geometry& source, const Geometry& grid) {
  VoxFromVox map;
  map.first_vox = source.VoxFromLps(grid.LpsFromVox({0, 0, 0}));
  for (std::size_t t = 0; t < 3; ++t) {
    XyzDouble unit;
    unit[t] = 1.0;
    const XyzDouble end_vox = source.VoxFromLps(grid.LpsFromVox(unit));
    for (std::size_t a = 0; a < 3; ++a) map.step_vox[t][a] = end_vox[a] - map.first_vox[a];
  }
  return map;
}

bool Inside(const XyzDouble& v, const XyzInt& size_vox) {
  for (std::size_t a = 0; a < 3; ++a) {
    if (!(v[a] >= -0.5 - kSlackVox && v[a] <= static_cast<double>(size_vox[a]) - 0.5 + kSlackVox)) {
      return false;
    }
  }
  return true;
}

template <typename T>
T NearestAt(const T* source, const XyzInt& size_vox, const XyzDouble& v) {
  XyzInt nearest;
  for (std::size_t a = 0; a < 3; ++a) {
    nearest[a] = std::clamp<int64_t>(
        static_cast<int64_t>(std::floor(v[a] + 0.5 + kSlackVox)), 0, size_vox[a] - 1);
  }
  return source[(nearest.x * size_vox.y + nearest.y) * size_vox.z + nearest.z];
}

float LinearAt(const float* source, const XyzInt& size_vox, const XyzDouble& v) {
  XyzInt low;
  XyzInt high;
  XyzDouble frac;
  for (std::size_t a = 0; a < 3; ++a) {
    const double last = static_cast<double>(size_vox[a] - 1);
    const double at = std::clamp(v[a], 0.0, last);
    low[a] = static_cast<int64_t>(at);
    high[a] = std::min(low[a] + 1, size_vox[a] - 1);
    frac[a] = at - static_cast<double>(low[a]);
  }
  const auto along_z = [&](int64_t x, int64_t y) {
    const float* row = source + (x * size_vox.y + y) * size_vox.z;
    return static_cast<double>(row[low.z]) * (1.0 - frac.z) +
           static_cast<double>(row[high.z]) * frac.z;
  };
  const auto along_yz = [&](int64_t x) {
    return along_z(x, low.y) * (1.0 - frac.y) + along_z(x, high.y) * frac.y;
  };
  return static_cast<float>(along_yz(low.x) * (1.0 - frac.x) + along_yz(high.x) * frac.x);
}

template <typename T, typename ValueAt>
Tensor Filled(const Volume& volume,
              const Geometry& grid,
              at::ScalarType dtype,
              T outside,
              const ValueAt& value_at) {
  const VoxFromVox map = SourceFromGrid(volume.geometry(), grid);
  const XyzInt source_size_vox = volume.geometry().size_vox;
  const XyzInt& size_vox = grid.size_vox;
  Tensor result_XYZ = at::empty({size_vox.x, size_vox.y, size_vox.z}, dtype);
  T* result = result_XYZ.data_ptr<T>();
  ParallelFor(size_vox.x * size_vox.y, 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      T* out = result + row * size_vox.z;
      for (int64_t z = 0; z < size_vox.z; ++z) {
        const XyzDouble at_vox = map.At(row / size_vox.y, row % size_vox.y, z);
        out[z] = Inside(at_vox, source_size_vox) ? value_at(at_vox) : outside;
      }
    }
  });
  return result_XYZ;
}

}  // namespace

Volume Resample(const Volume& volume,
                const Geometry& grid,
                Interpolation interpolation,
                double outside) {
  const XyzInt size_vox = volume.geometry().size_vox;
  SAP_CHECK(size_vox.Product() > 0 && grid.NumVoxels() > 0);
  if (interpolation == Interpolation::kLinear) {
    const Tensor source_XYZ = volume.data().to(at::kFloat);
    const float* source = source_XYZ.data_ptr<float>();
    return {Filled(volume,
                   grid,
                   at::kFloat,
                   static_cast<float>(outside),
                   [&](const XyzDouble& v) { return LinearAt(source, size_vox, v); }),
            grid};
  }
  Tensor result_XYZ;
  AT_DISPATCH_ALL_TYPES_AND(at::kBool, volume.data().scalar_type(), "Resample", [&] {
    const scalar_t* source = volume.data().data_ptr<scalar_t>();
    result_XYZ = Filled(volume,
                        grid,
                        volume.data().scalar_type(),
                        static_cast<scalar_t>(outside),
                        [&](const XyzDouble& v) { return NearestAt(source, size_vox, v); });
  });
  return {result_XYZ, grid};
}

Geometry GridWithSpacing(const Geometry& grid, const XyzDouble& spacing_mm) {
  Geometry result = grid;
  XyzDouble first_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    SAP_REQUIRE(ErrorKind::kOption,
                spacing_mm[a] > 0.0 && std::isfinite(spacing_mm[a]),
                "a spacing of {} mm; it must be above 0 mm",
                spacing_mm[a]);
    const double extent_mm = static_cast<double>(grid.size_vox[a]) * grid.spacing_mm[a];
    result.size_vox[a] = std::max<int64_t>(std::llround(extent_mm / spacing_mm[a]), 1);
    first_vox[a] = 0.5 * spacing_mm[a] / grid.spacing_mm[a] - 0.5;
  }
  result.spacing_mm = spacing_mm;
  result.origin_mm = grid.LpsFromVox(first_vox);
  return result;
}

}  // namespace sap
