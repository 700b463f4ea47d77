// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "sap/core/axes.h"
#include "sap/image/volume.h"

namespace sap::phantom {

inline constexpr int kNumRegions = 9;  // the bone regions of the skeleton task, labels 1-9

// One bone of the atlas, in LPS millimetres.
struct AtlasBone {
  int label = 0;   // of bp3d_bones_2mm.nii.gz
  int region = 0;  // 1-9
  XyzDouble centre_mm;
  XyzDouble half_extent_mm;
};

// A label atlas made ready for deformation, computed once per process.
struct Atlas {
  // uint8 [X, Y, Z] on the regions' grid, from below mid-thigh to above the head, LPS: tissue
  // classes (src/phantom/tissue.h), marrow and cortex apart, and the distance to the skin outside.
  Volume classes;
  std::vector<AtlasBone> bones;
  XyzDouble pelvis_centre_mm;
  double mid_thigh_z_mm = 0;  // half-way up the femurs
  double head_top_z_mm = 0;
  XyzDouble body_min_mm, body_max_mm;  // above mid-thigh
};

// Reads bp3d_tissue_3mm, bp3d_regions_2mm and bp3d_bones_2mm (.nii.gz) of `folder`; README.md of
// configs/atlas/bodyparts3d says what they hold. Throws kInput or kIo naming the file.
Atlas LoadAtlas(const std::filesystem::path& folder);

}  // namespace sap::phantom
