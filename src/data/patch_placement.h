// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/rng.h"
#include "sap/data/volume_store.h"

namespace sap::data {

inline Box PatchBox(const XyzInt& begin_vox, const XyzInt& size_vox) {
  return {begin_vox,
          {begin_vox.x + size_vox.x, begin_vox.y + size_vox.y, begin_vox.z + size_vox.z}};
}

// Begin of a random crop of size_vox inside `patch`; when `kept` is given (a voxel of the patch),
// the crop holds it. A patch smaller than the crop begins it.
XyzInt CropInside(const Box& patch,
                  const XyzInt& size_vox,
                  const std::optional<XyzInt>& kept,
                  Rng& rng);

// Begin of a patch centred on a voxel, moved by up to jitter_frac of its size on each axis (less
// than a half, so that the voxel stays inside), shifted into the volume.
XyzInt PatchAround(const XyzInt& centre_vox,
                   const XyzInt& size_vox,
                   const XyzInt& volume_size_vox,
                   double jitter_frac,
                   Rng& rng);

// The same around one of `voxels` (not empty), drawn evenly.
XyzInt PatchAroundOneOf(const std::vector<XyzInt>& voxels,
                        const XyzInt& size_vox,
                        const XyzInt& volume_size_vox,
                        double jitter_frac,
                        Rng& rng);

// Those of one of the classes that the case has, drawn evenly among them.
const std::vector<XyzInt>& VoxelsOfAnyClass(const StoredCase& c, Rng& rng);

// Of a case that needs some. Throws kInput for an empty body mask.
const std::vector<XyzInt>& BodyVoxels(const StoredCase& c);

// Where an axis of the volume is shorter than the patch, half of the missing voxels lie before it
// (rounded down), as in the sliding window: a network must find a thin volume where it learned it.
XyzInt CentredWhereShort(const XyzInt& begin_vox,
                         const XyzInt& size_vox,
                         const XyzInt& volume_size_vox);

}  // namespace sap::data
