// SPDX-License-Identifier: Apache-2.0
// Agreement of total lesion volumes (evaluation §1.9, §2.7).
#pragma once

#include <span>
#include <vector>

namespace sap::eval {

struct IccResult {
  double icc = 0;              // ICC(A,1) = ICC(2,1): two-way random, absolute agreement, single
  double icc_consistency = 0;  // ICC(C,1); far above icc: a systematic difference
  double low = 0;              // confidence interval of icc (McGraw and Wong); NaN ends: none
  double high = 0;
  double ms_rows = 0;
  double ms_columns = 0;
  double ms_error = 0;
};

// ratings[subject][rater], the same number of raters (>= 2) for each of at least 2 subjects.
// All equal: NaN. Perfect agreement: interval (1, 1). A degenerate interval (an end undefined or
// on the wrong side of the estimate) is NaN.
IccResult IntraclassCorrelation(const std::vector<std::vector<double>>& ratings,
                                double confidence = 0.95);
IccResult IntraclassCorrelation(std::span<const double> x, std::span<const double> y);

struct BlandAltman {
  double bias = 0;  // mean of y - x: predicted minus reference
  double sd = 0;    // of the differences, n - 1
  double low = 0;   // limits of agreement, bias -+ 1.96 sd
  double high = 0;
};
BlandAltman BlandAltmanLimits(std::span<const double> x, std::span<const double> y);

}  // namespace sap::eval
