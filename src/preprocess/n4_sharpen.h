// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/tensor.h"
#include "sap/preprocess/bias_field.h"

namespace sap::preprocess {

// The histogram step of N4 (Sled et al. 1998, section II-C): deconvolves the histogram of the log
// intensities with a Gaussian of the given width, and returns for each value the expectation of
// the true value. log_values: float32 [N], those inside the mask; returns the same shape.
Tensor SharpenedLog(const Tensor& log_values, const BiasFieldOptions& options);

}  // namespace sap::preprocess
