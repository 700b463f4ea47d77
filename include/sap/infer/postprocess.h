// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/tensor.h"

namespace sap::infer {

// The authors' clean-up of skeleton maps (swin_unetr §5): every 6-connected component of all
// labels together takes its most frequent label, ties the smallest. Nothing is removed, and bones
// that touch become one. labels_XYZ: uint8 [X, Y, Z], CPU; returns the same kind. One pass over
// the voxels for any number of components.
Tensor MajorityVote(const Tensor& labels_XYZ);

}  // namespace sap::infer
