// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "sap/phantom/body.h"

namespace sap::phantom {

// Where a point of the subject lies in the atlas, and how much fat its skin carries there.
struct AtlasPoint {
  XyzDouble mm;
  double extra_fat_mm = 0;
};

// The inverse map of one subject. Subject and atlas share the coordinates of the pelvis.
class Deformation {
 public:
  Deformation(const Atlas& atlas, const SubjectShape& shape);

  AtlasPoint AtlasFromSubject(const XyzDouble& subject_mm) const;
  // By fixed-point iteration; the map is a small change of the identity.
  XyzDouble SubjectFromAtlas(const XyzDouble& atlas_mm) const;
  // Field of view: head to mid-thigh with a margin of air.
  Geometry Grid(const XyzDouble& spacing_mm) const;

 private:
  XyzDouble Untilt(const XyzDouble& p) const;
  XyzDouble Unscale(const XyzDouble& p) const;
  XyzDouble UnrotateArms(const XyzDouble& p) const;
  XyzDouble UnsizeBones(const XyzDouble& p) const;
  double ExtraFatMm(const XyzDouble& atlas_mm) const;

  const Atlas& atlas_;
  const SubjectShape& shape_;
  XyzDouble centre_;
  double shoulder_z_mm_ = 0, shoulder_x_mm_ = 0, chest_z_mm_ = 0, belly_z_mm_ = 0;
  double neck_z_mm_ = 0;
};

// AtlasFromSubject sampled on a coarse grid, and interpolated along one output line at a time.
class DeformationField {
 public:
  DeformationField(const Deformation& map, const Geometry& grid);

  // Fills `line` (atlas mm and extra fat) at voxel positions (x, y, first_z + k * step_z) of the
  // grid, which may be fractions. The caller sizes `line`.
  void Line(double x_vox,
            double y_vox,
            double first_z_vox,
            double step_z_vox,
            std::vector<std::array<float, 4>>& line) const;

 private:
  Geometry grid_;
  XyzDouble step_mm_;
  XyzInt nodes_;
  std::vector<std::array<float, 4>> values_;
};

}  // namespace sap::phantom
