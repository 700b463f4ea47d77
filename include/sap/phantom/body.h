// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/axes.h"
#include "sap/image/volume.h"
#include "sap/phantom/atlas.h"

namespace sap::phantom {

// How far subjects may differ from the atlas and from each other.
struct ShapeOptions {
  double height_frac = 0.10;
  double girth_frac = 0.10;
  double spine_mm = 12.0;
  double bone_size_frac = 0.05;
  double arm_deg = 8.0;
  double fat_mm = 25.0;
  double wobble_mm = 2.0;
  double tilt_deg = 2.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("height", height_frac).Help("largest change of height [fraction]").Range(0.0, 0.3);
    v.Field("girth", girth_frac).Help("largest change of trunk girth [fraction]").Range(0.0, 0.3);
    v.Field("spine", spine_mm).Help("largest sideways curve of the spine [mm]").Range(0.0, 40.0);
    v.Field("bone_size", bone_size_frac)
        .Help("standard deviation of each bone's size [fraction]")
        .Range(0.0, 0.15);
    v.Field("arm", arm_deg).Help("largest spread of the arms [degrees]").Range(0.0, 20.0);
    v.Field("fat", fat_mm).Help("largest fat layer added under the skin [mm]").Range(0.0, 50.0);
    v.Field("wobble", wobble_mm).Help("smooth local displacement [mm]").Range(0.0, 6.0);
    v.Field("tilt", tilt_deg).Help("largest rotation on the table [degrees]").Range(0.0, 10.0);
  }
};

// One wave of a smooth displacement: vector_mm * sin(k . p + phase).
struct Wave {
  XyzDouble vector_mm;
  XyzDouble wave_number_per_mm;
  double phase_rad = 0;
};

// One subject's anatomy: everything that MakeBody needs beside the atlas.
struct SubjectShape {
  double height = 1;                           // scale along z
  double width = 1;                            // scale of x and y at the pelvis and below
  double trunk_girth = 1;                      // further scale of x and y at the belly
  double chest_girth = 1;                      // and at the chest
  std::vector<Wave> spine;                     // x and y as functions of z
  std::vector<double> bone_scale;              // one per Atlas::bones
  double arm_right_deg = 0, arm_left_deg = 0;  // outward
  double fat_mm = 0;                           // added under the skin of belly and buttocks
  std::vector<Wave> wobble;
  XyzDouble tilt_deg;
  double mid_thigh_shift_mm = 0;  // where the field of view ends
  double age_years = 60;          // fat fraction of marrow
  bool male = true;
};

SubjectShape DrawShape(const Atlas& atlas,
                       const ShapeOptions& options,
                       uint64_t seed,
                       uint64_t subject_idx);
nlohmann::json ToJson(const SubjectShape& shape);

// A deformed atlas on the subject's own grid (LPS, spacing as asked for).
struct Body {
  Volume tissue;     // uint8 classes (src/phantom/tissue.h), nearest neighbour
  Volume t1, b1000;  // float32, noise-free tissue signal in units of fat = 1, partial volume in
  std::vector<XyzDouble> node_centres_mm;  // lymph nodes, LPS
  double age_years = 60;

  Tensor RegionsXYZ() const;  // uint8, bone regions 0-9
  Tensor MarrowXYZ() const;   // uint8, bone regions 0-9, marrow only
  Tensor MaskXYZ() const;     // uint8 0/1, inside the skin
};

// Deforms the atlas by an inverse map: height, girth, spine, per-bone size, arms, fat.
// spacing_mm > 0. The result does not depend on the number of threads.
Body MakeBody(const Atlas& atlas, const SubjectShape& shape, const XyzDouble& spacing_mm);

}  // namespace sap::phantom
