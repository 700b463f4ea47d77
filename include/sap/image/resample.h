// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/enum_names.h"
#include "sap/image/volume.h"

namespace sap {

enum class Interpolation { kNearest, kLinear };
template <>
struct EnumNames<Interpolation> {
  static constexpr std::pair<Interpolation, std::string_view> kNames[] = {
      {Interpolation::kNearest, "nearest"}, {Interpolation::kLinear, "linear"}};
};

// Values of `volume` on `grid`; beyond the source's outer voxel faces it is `outside`, between the
// outermost centres and the faces the edge value. Nearest keeps the dtype, linear gives float32.
Volume Resample(const Volume& volume,
                const Geometry& grid,
                Interpolation interpolation,
                double outside = 0.0);

// Same field of view with other spacing: the outer faces stay where they are, but for the far ones
// where the length is no multiple of the new spacing (they move by half a new voxel at most).
Geometry GridWithSpacing(const Geometry& grid, const XyzDouble& spacing_mm);

}  // namespace sap
