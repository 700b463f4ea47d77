// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "sap/core/rng.h"
#include "sap/phantom/lesions.h"

namespace sap::phantom {

// Flat indices of the marrow voxels of each region 1-9; [0] stays empty.
using MarrowVoxels = std::array<std::vector<int64_t>, kNumRegions + 1>;
MarrowVoxels ListMarrow(const Tensor& marrow_XYZ);

// Marks the voxels and appends `finding`, whose counts and box are set here.
void AddFinding(const Geometry& grid,
                const std::vector<int64_t>& voxels,
                Finding finding,
                Findings& findings);

// What readers take for metastases: healed fractures and sclerosis (dark on T1, dark on b1000),
// haemangiomas (bright on T1, mildly on b1000), degenerative end plates (grey on both).
void PlaceMimics(const Body& body,
                 const Tensor& marrow_XYZ,
                 const MarrowVoxels& marrow,
                 Rng& rng,
                 Findings& findings);

}  // namespace sap::phantom
