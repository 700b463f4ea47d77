// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sap/core/tensor.h"

namespace sap::preprocess {

struct AdcOptions {
  bool drop_b0 = true;
  double max_um2_per_s = 5000.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("drop_b0", drop_b0)
        .Help("leave b = 0 out where two others exist: less perfusion in the fit");
    v.Field("max", max_um2_per_s)
        .Help("larger values are set to 0 [um2/s]; 1000 um2/s = 1e-3 mm2/s")
        .Range(100.0, 1e6);
  }
};

// Apparent diffusion coefficient by log-linear least squares over the b-values
// (preprocessing §1.5, §1.13): -slope of ln(max(S, 1e-6)) against b, at least 0, in um2/s.
// 0 where the mean signal is under 0.01 or the value above max. signals_XYZ: float32, one per
// entry of b_s_per_mm2, all of one shape. kInput unless two different b-values remain.
Tensor AdcUm2PerS(const std::vector<Tensor>& signals_XYZ,
                  const std::vector<double>& b_s_per_mm2,
                  const AdcOptions& options = {});

}  // namespace sap::preprocess
