// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "image/matrix3.h"
#include "image/nifti_header.h"
#include "sap/core/error.h"
#include "sap/core/log.h"

namespace sap {
namespace {

constexpr double kSilentCosine = 1e-5;   // float32 rounding of a stored matrix
constexpr double kLargestCosine = 1e-3;  // 0.06 degrees: rounding of text or of old tools

// Voxel to RAS, in the file's units.
struct RasAffine {
  Matrix3 matrix{};
  XyzDouble offset;
};

RasAffine SformAffine(const NiftiHeader& header) {
  RasAffine affine;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) affine.matrix[r][c] = header.srow[r][c];
    affine.offset[r] = header.srow[r][3];
  }
  return affine;
}

// What makes a qform unusable, or nothing.
std::optional<std::string> QformFault(const NiftiHeader& header) {
  const auto [b, c, d] = header.quaternion;
  if (!(b * b + c * c + d * d <= 1.0 + 1e-5)) {
    return fmt::format("the qform's quaternion ({}, {}, {}) is longer than 1", b, c, d);
  }
  const double qfac = header.pixdim[0];
  if (qfac != 1.0 && qfac != -1.0 && qfac != 0.0) {
    return fmt::format("pixdim[0] is {} and must be 1 or -1 beside a qform", qfac);
  }
  for (std::size_t a = 0; a < 3; ++a) {
    const double spacing = header.pixdim[a + 1];
    if (!(spacing > 0.0 && std::isfinite(spacing) && std::isfinite(header.qoffset[a]))) {
      return fmt::format("pixdim[{}] is {} and qoffset {}; a spacing must be above 0",
                         a + 1,
                         spacing,
                         header.qoffset[a]);
    }
  }
  return std::nullopt;
}

// NIfTI-1 standard, "method 2": a unit quaternion, the spacing, and qfac for a reversed k axis.
// The qform has no fault.
RasAffine QformAffine(const NiftiHeader& header) {
  const auto [b, c, d] = header.quaternion;
  const double rest = 1.0 - (b * b + c * c + d * d);
  const double length = rest > 0.0 ? 1.0 : std::sqrt(b * b + c * c + d * d);
  const double qa = std::sqrt(std::max(rest, 0.0));
  const double qb = b / length;
  const double qc = c / length;
  const double qd = d / length;
  const double qfac = header.pixdim[0];
  const Matrix3 rotation{{{qa * qa + qb * qb - qc * qc - qd * qd,
                           2.0 * (qb * qc - qa * qd),
                           2.0 * (qb * qd + qa * qc)},
                          {2.0 * (qb * qc + qa * qd),
                           qa * qa + qc * qc - qb * qb - qd * qd,
                           2.0 * (qc * qd - qa * qb)},
                          {2.0 * (qb * qd - qa * qc),
                           2.0 * (qc * qd + qa * qb),
                           qa * qa + qd * qd - qb * qb - qc * qc}}};
  RasAffine affine;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t a = 0; a < 3; ++a) {
      const double sign = a == 2 && qfac < 0.0 ? -1.0 : 1.0;
      affine.matrix[r][a] = sign * rotation[r][a] * header.pixdim[a + 1];
    }
    affine.offset[r] = header.qoffset[r];
  }
  return affine;
}

Geometry GridOfAffine(const RasAffine& ras, const NiftiHeader& header, const std::string& name) {
  Geometry grid;
  grid.size_vox = header.size_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    const double step =
        std::hypot(ras.matrix[0][a], ras.matrix[1][a], ras.matrix[2][a]) * header.mm_per_unit;
    SAP_REQUIRE(ErrorKind::kGeometry,
                std::isfinite(step) && step > 1e-6 && std::isfinite(ras.offset[a]),
                "{}: axis {} has a spacing of {} mm and an origin of {}; the spacing must be above "
                "0: set it again with the tool that made the file",
                name,
                a,
                step,
                ras.offset[a]);
    grid.spacing_mm[a] = step;
    for (std::size_t r = 0; r < 3; ++r) {
      const double towards_lps = r < 2 ? -1.0 : 1.0;
      grid.direction[r][a] = towards_lps * ras.matrix[r][a] * header.mm_per_unit / step + 0.0;
    }
  }
  grid.direction = PolishedDirection(grid.direction, name);
  grid.origin_mm = {-ras.offset.x * header.mm_per_unit + 0.0,
                    -ras.offset.y * header.mm_per_unit + 0.0,
                    ras.offset.z * header.mm_per_unit};
  return grid;
}

void WarnWhenQformDiffers(const Geometry& sform_grid,
                          const NiftiHeader& header,
                          const std::string& name) {
  if (header.qform_code <= 0) return;
  std::optional<std::string> difference = QformFault(header);
  if (!difference) {
    const XyzDouble& spacing_mm = sform_grid.spacing_mm;
    const double tol_mm = 0.01 * std::min({spacing_mm.x, spacing_mm.y, spacing_mm.z});
    difference = sform_grid.DifferenceFrom(GridOfAffine(QformAffine(header), header, name), tol_mm);
  }
  if (difference->empty()) return;
  log::Warning("{}: sform and qform disagree ({}); the sform is used", name, *difference);
}

}  // namespace

Matrix3 PolishedDirection(const Matrix3& direction, const std::string& name) {
  const double cosine = matrix3::LargestCosine(direction);
  SAP_REQUIRE(ErrorKind::kGeometry,
              cosine <= kLargestCosine,
              "{}: the axes are sheared (cosine {:.3g} between two of them, at most {} is "
              "accepted); resample the image onto a grid with right angles",
              name,
              cosine,
              kLargestCosine);
  const Matrix3 polished = matrix3::NearestOrthonormal(direction);
  if (cosine > kSilentCosine) {
    log::Warning(
        "{}: the axes are not quite at right angles (cosine {:.3g}); the nearest "
        "orthonormal axes are used",
        name,
        cosine);
  }
  return polished;
}

Geometry GridOfNifti(const NiftiHeader& header, const std::string& name) {
  if (header.sform_code > 0) {
    const Geometry grid = GridOfAffine(SformAffine(header), header, name);
    WarnWhenQformDiffers(grid, header, name);
    return grid;
  }
  SAP_REQUIRE(ErrorKind::kGeometry,
              header.qform_code > 0,
              "{}: sform_code and qform_code are 0, so the file does not say how the patient lies; "
              "set the orientation with the tool that made the file",
              name);
  const std::optional<std::string> fault = QformFault(header);
  SAP_REQUIRE(ErrorKind::kGeometry,
              !fault,
              "{}: {}; set the orientation again with the tool that made the file",
              name,
              *fault);
  return GridOfAffine(QformAffine(header), header, name);
}

}  // namespace sap
