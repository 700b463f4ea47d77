// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sap/core/tensor.h"

namespace sap {

// Percentiles (0-100) of all elements by numpy's linear rule: rank q/100*(n-1), interpolated.
// values: float32, any shape, CPU. Returns one double per q. O(n) by selection.
std::vector<double> Percentiles(const Tensor& values, const std::vector<double>& q);

// The same of the elements above `floor` alone, without a copy of them. Throws kInput when none is.
std::vector<double> PercentilesAbove(const Tensor& values,
                                     float floor,
                                     const std::vector<double>& q);

// (I - p1) / (p99 - p1) over the whole volume, background included, clipped to [0, 1]
// (preprocessing §2.1); p99 <= p1 gives zeros. float32 in and out, same shape.
Tensor NormalizePercentiles(const Tensor& image,
                            double low_pct = 1.0,
                            double high_pct = 99.0,
                            bool clip = true);

}  // namespace sap
