// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/image/volume.h"

namespace sap::preprocess {

struct DenoiseOptions {
  double conductance = 4.0;
  int iterations = 10;
  double time_step = 0.01;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("conductance", conductance)
        .Help("edge sensitivity: smaller keeps weaker edges")
        .Range(0.01, 100.0);
    v.Field("iterations", iterations).Help("diffusion steps; 0 = off").Range(0, 200);
    v.Field("time_step", time_step)
        .Help("length of a step; stable up to the smallest spacing [mm] / 16")
        .Range(1e-4, 0.0625);
  }
};

// Gradient anisotropic diffusion (Perona and Malik 1990) with spacing in mm (preprocessing §1.13):
// I <- I + dt * div(exp(-(|grad I| / (conductance * mean |grad I|))^2 / 2) grad I).
// image: float32 [X, Y, Z]; the same out. kOption when dt is unstable at the image's spacing.
Volume Denoise(const Volume& image, const DenoiseOptions& options = {});

}  // namespace sap::preprocess
