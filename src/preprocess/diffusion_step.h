// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

namespace sap::preprocess {

// One explicit step of gradient anisotropic diffusion (Perona and Malik 1990), the scheme of ITK's
// GradientAnisotropicDiffusionImageFilter: differences in mm, zero flux at the border, the
// conductance exp(-|grad I|^2 / (2 K^2 mean |grad I|^2)) at each face between two voxels.
// image_XYZ and next_XYZ: float32, contiguous, not the same memory.
void DiffusionStep(const Tensor& image_XYZ,
                   const XyzDouble& spacing_mm,
                   double conductance,
                   double time_step,
                   Tensor& next_XYZ);

}  // namespace sap::preprocess
