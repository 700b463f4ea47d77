// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sap/core/axes.h"

namespace sap::data {

inline constexpr int64_t kLesionMarginVox = 10;

// ceil(4/3 * patch): the authors cut training patches this large and crop them anew each epoch
// (specs/preprocessing.md §2.1).
XyzInt TrainingPatchSize(const XyzInt& patch_size_vox);

// The authors' positive patch: the lesion's box and 10 voxels on each side, clipped; grown to at
// least size_vox per axis around its centre, shifted inward at borders. Larger than size_vox for
// large lesions, smaller where the volume is.
Box PositivePatch(const Box& lesion_box, const XyzInt& size_vox, const XyzInt& volume_size_vox);

// Begins of sliding windows along one axis: stride size/2 plus a last aligned one.
std::vector<int64_t> WindowBegins(int64_t volume_size_vox, int64_t size_vox);

// The authors' negative windows, in C order of their begins: those whose box `count_label` says
// is free of labels. No window test of the body.
std::vector<Box> BackgroundWindows(const XyzInt& volume_size_vox,
                                   const XyzInt& size_vox,
                                   const std::function<int64_t(const Box&)>& count_label);

}  // namespace sap::data
