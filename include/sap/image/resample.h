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

// Values of `volume` on `grid`; outside the source it is `outside`. Nearest keeps the dtype,
// linear gives float32.
Volume Resample(const Volume& volume,
                const Geometry& grid,
                Interpolation interpolation,
                double outside = 0.0);

// Same field of view with other spacing: corner voxel centres' outer faces stay where they are.
Geometry GridWithSpacing(const Geometry& grid, const XyzDouble& spacing_mm);

}  // namespace sap
