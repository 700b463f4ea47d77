// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/tensor.h"
#include "sap/image/volume.h"

namespace sap::preprocess {

struct BiasFieldOptions {
  double estimate_mm = 4.0;
  std::vector<int64_t> iterations = {50, 50, 30, 20};
  double convergence = 1e-4;
  int bins = 200;
  double wiener_noise = 0.01;
  double fwhm = 0.15;
  int control_points = 4;
  bool keep_median = true;
  std::vector<int64_t> diffusion_iterations = {50, 50};

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("estimate", estimate_mm)
        .Help("voxel size of the estimate [mm]; coarser axes stay as they are")
        .Range(0.5, 20.0);
    v.Field("iterations", iterations)
        .Help("most iterations of each level; the spline lattice doubles per level")
        .AtLeast(1);
    v.Field("convergence", convergence)
        .Help("a level ends when the field's relative change is smaller")
        .Range(0.0, 1.0);
    v.Field("bins", bins).Help("histogram bins").Range(16, 4096);
    v.Field("wiener_noise", wiener_noise).Help("noise term of the deconvolution").Range(1e-6, 1.0);
    v.Field("fwhm", fwhm).Help("width of the deconvolved Gaussian [log units]").Range(0.01, 2.0);
    v.Field("control_points", control_points)
        .Help("lattice points per axis of the first level; cubic needs 4")
        .Range(4, 32);
    v.Field("keep_median", keep_median)
        .Help("scale the result so that the body's median stays as it was");
    v.Field("diffusion_iterations", diffusion_iterations)
        .Help("the same for diffusion, whose organs differ so much that fine lattices follow them")
        .AtLeast(1);
  }
};

struct BiasField {
  Tensor log_field_XYZ;         // float32 on the image's grid; I / exp(field) is corrected
  std::vector<int> iterations;  // used per level
  double last_change = 0;       // convergence measure at the end
  double log_field_sd = 0;      // inside the mask
  double residual_sd = 0;       // of a second estimate's first level on the corrected image
};

// N4 (Tustison et al. 2010) on a regular grid of about estimate_mm: the sums of the scattered
// B-spline fit are separable there, the mathematics is ITK's. image: float32; mask_XYZ: bool;
// voxels under 1 % of the mask's p99 do not count (a void's logarithm would pull the gain).
// kInput when fewer than 100 voxels remain.
BiasField EstimateBiasField(const Volume& image,
                            const Tensor& mask_XYZ,
                            const BiasFieldOptions& options = {});

// The same for a diffusion station, from its lowest b-value: with diffusion_iterations, and from
// the brighter of the mask's two classes (Otsu's threshold of the logarithm), because suppressed
// fat under the skin looks like a coil's fall-off.
BiasField EstimateDiffusionBias(const Volume& image,
                                const Tensor& mask_XYZ,
                                const BiasFieldOptions& options = {});

// image / exp(field); with keep_median times one gain, so that the median over the mask is kept.
Volume CorrectBias(const Volume& image,
                   const Tensor& mask_XYZ,
                   const Tensor& log_field_XYZ,
                   bool keep_median = true);

}  // namespace sap::preprocess
