// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap {

// int32 zeros [X, Y, Z] that take memory and time only where something is written: lesions fill a
// thousandth of a whole-body volume, so a map of their labels need not cost 600 MB. Use at::zeros
// for maps that will be mostly written; pages that come one by one cost more there.
Tensor SparseZeros(const XyzInt& size_vox);

}  // namespace sap
