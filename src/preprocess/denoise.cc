// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/denoise.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "preprocess/diffusion_step.h"
#include "sap/core/error.h"

namespace sap::preprocess {

Volume Denoise(const Volume& image, const DenoiseOptions& options) {
  if (options.iterations == 0) return image;
  const XyzDouble& spacing_mm = image.geometry().spacing_mm;
  // Beyond this bound for 3-D the explicit scheme oscillates.
  const double stable = std::min({spacing_mm.x, spacing_mm.y, spacing_mm.z}) / 16.0;
  SAP_REQUIRE(ErrorKind::kOption,
              options.time_step <= stable,
              "denoise.time_step: {:g} is unstable at {} mm; it must be at most {:.4g}",
              options.time_step,
              spacing_mm,
              stable);
  Tensor from_XYZ = image.data().contiguous();
  Tensor to_XYZ = at::empty_like(from_XYZ);
  for (int step = 0; step < options.iterations; ++step) {
    DiffusionStep(from_XYZ, spacing_mm, options.conductance, options.time_step, to_XYZ);
    // The caller's image is never written: after the first step its place takes a new one.
    if (step == 0 && options.iterations > 1) from_XYZ = at::empty_like(to_XYZ);
    std::swap(from_XYZ, to_XYZ);
  }
  return image.WithData(from_XYZ);
}

}  // namespace sap::preprocess
