// SPDX-License-Identifier: Apache-2.0
#include "preprocess/diffusion_rows_impl.h"

namespace sap::preprocess {

const DiffusionKernels kDiffusionBaseline = kKernels;

}  // namespace sap::preprocess
