// SPDX-License-Identifier: Apache-2.0
#include "data/patch_placement.h"

#include <algorithm>

#include "sap/core/error.h"

namespace sap::data {

XyzInt CropInside(const Box& patch,
                  const XyzInt& size_vox,
                  const std::optional<XyzInt>& kept,
                  Rng& rng) {
  XyzInt begin;
  for (std::size_t a = 0; a < 3; ++a) {
    int64_t low = patch.begin_vox[a];
    int64_t high = std::max(low, patch.end_vox[a] - size_vox[a]);
    if (kept) {
      low = std::max(low, (*kept)[a] - size_vox[a] + 1);
      high = std::min(high, (*kept)[a]);
    }
    begin[a] = rng.UniformInt(low, high + 1);
  }
  return begin;
}

XyzInt PatchAround(const XyzInt& centre_vox,
                   const XyzInt& size_vox,
                   const XyzInt& volume_size_vox,
                   double jitter_frac,
                   Rng& rng) {
  XyzInt begin;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto reach = static_cast<int64_t>(static_cast<double>(size_vox[a]) * jitter_frac);
    const int64_t jitter = rng.UniformInt(-reach, reach + 1);
    const int64_t last = std::max<int64_t>(0, volume_size_vox[a] - size_vox[a]);
    begin[a] = std::clamp<int64_t>(centre_vox[a] - size_vox[a] / 2 + jitter, 0, last);
  }
  return begin;
}

XyzInt PatchAroundOneOf(const std::vector<XyzInt>& voxels,
                        const XyzInt& size_vox,
                        const XyzInt& volume_size_vox,
                        double jitter_frac,
                        Rng& rng) {
  const int64_t picked = rng.UniformInt(0, static_cast<int64_t>(voxels.size()));
  return PatchAround(
      voxels[static_cast<std::size_t>(picked)], size_vox, volume_size_vox, jitter_frac, rng);
}

const std::vector<XyzInt>& VoxelsOfAnyClass(const StoredCase& c, Rng& rng) {
  const auto num_classes = static_cast<int64_t>(c.voxels_of_class.size());
  return std::next(c.voxels_of_class.begin(), rng.UniformInt(0, num_classes))->second;
}

const std::vector<XyzInt>& BodyVoxels(const StoredCase& c) {
  SAP_REQUIRE(ErrorKind::kInput,
              !c.body_voxels.empty(),
              "{}: the body mask is empty; check body.nii.gz, or remove it",
              c.id);
  return c.body_voxels;
}

XyzInt CentredWhereShort(const XyzInt& begin_vox,
                         const XyzInt& size_vox,
                         const XyzInt& volume_size_vox) {
  XyzInt begin = begin_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    const int64_t missing = size_vox[a] - volume_size_vox[a];
    if (missing > 0) begin[a] = -(missing / 2);
  }
  return begin;
}

}  // namespace sap::data
