// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "image/byte_source.h"
#include "image/voxel_type.h"
#include "sap/image/geometry.h"

namespace sap {

// The fields of a NIfTI-1 or NIfTI-2 header that decide what the voxels are and where they lie.
struct NiftiHeader {
  bool swap_bytes = false;  // written on a machine of the other byte order
  XyzInt size_vox;
  VoxelType voxel_type = VoxelType::kUint8;
  int64_t first_voxel_byte = 0;
  double slope = 1.0;  // value = stored * slope + intercept; resolved: never 0 or NaN
  double intercept = 0.0;

  int qform_code = 0;
  int sform_code = 0;
  std::array<double, 8> pixdim{};      // [0] is qfac, [1] to [3] the spacing
  std::array<double, 3> quaternion{};  // b, c, d
  std::array<double, 3> qoffset{};
  std::array<std::array<double, 4>, 3> srow{};
  double mm_per_unit = 1.0;
};

// Reads and checks the header at the start of `source`; leaves the source behind the header.
// Throws kInput naming the field, its value, the rule and the next step. Without `num_volumes` a
// file of several volumes is refused; with it, axis 4 may have any length, which goes there.
NiftiHeader ReadNiftiHeader(ByteSource& source,
                            int64_t& header_bytes,
                            int64_t* num_volumes = nullptr);

// The grid by the rules of docs/formats.md; logs a line where sform and qform disagree or axes
// needed polishing. Throws kGeometry.
Geometry GridOfNifti(const NiftiHeader& header, const std::string& name);

// A direction with unit columns made exactly orthonormal: silently within float32 rounding, with a
// logged line up to 1e-3 in the cosines; beyond, or singular, kGeometry.
Matrix3 PolishedDirection(const Matrix3& direction, const std::string& name);

}  // namespace sap
