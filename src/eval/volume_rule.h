// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sap/core/axes.h"

namespace sap::eval {

inline double VolumeMl(int64_t num_vox, const XyzDouble& spacing_mm) {
  return static_cast<double>(num_vox) * spacing_mm.Product() / 1000.0;
}

// At least limit_ml. The slack keeps 1000 voxels of 1 mm3, whose spacing is a rounded float in
// most files, a lesion of 1 mL.
inline bool AtLeastMl(int64_t num_vox, const XyzDouble& spacing_mm, double limit_ml) {
  constexpr double kRelativeSlack = 1e-6;
  return VolumeMl(num_vox, spacing_mm) >= limit_ml * (1.0 - kRelativeSlack);
}

}  // namespace sap::eval
