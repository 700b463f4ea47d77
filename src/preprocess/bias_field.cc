// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/bias_field.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "preprocess/n4_sharpen.h"
#include "preprocess/spline_lattice.h"
#include "sap/core/error.h"
#include "sap/image/intensity.h"
#include "sap/preprocess/body_mask.h"

namespace sap::preprocess {
namespace {

// The estimate's grid: every shrink-th voxel, as ITK's shrink filter centres them.
struct Sampling {
  XyzInt size_vox;  // of the full grid
  XyzInt shrink;
  XyzInt first_vox;
  XyzInt small_vox;

  Sampling(const Geometry& grid, double estimate_mm) : size_vox(grid.size_vox) {
    for (std::size_t a = 0; a < 3; ++a) {
      // A lattice needs a few points on each axis, however coarse the estimate.
      const int64_t most = std::max<int64_t>(size_vox[a] / 4, 1);
      shrink[a] = std::clamp<int64_t>(std::llround(estimate_mm / grid.spacing_mm[a]), 1, most);
      small_vox[a] = size_vox[a] / shrink[a];
      first_vox[a] = (size_vox[a] - ((small_vox[a] - 1) * shrink[a] + 1)) / 2;
    }
  }

  Tensor Take(const Tensor& full_XYZ) const {
    Tensor taken = full_XYZ;
    for (std::size_t a = 0; a < 3; ++a) {
      const int64_t end = first_vox[a] + (small_vox[a] - 1) * shrink[a] + 1;
      taken = taken.slice(static_cast<int64_t>(a), first_vox[a], end, shrink[a]);
    }
    return taken.contiguous();
  }

  Bases SmallBases(int64_t spans) const {
    Bases bases;
    for (std::size_t a = 0; a < 3; ++a) {
      const auto domain = static_cast<double>(small_vox[a] - 1);
      bases[a] = CubicBasis(small_vox[a], 0.0, 1.0, domain, spans).to(at::kFloat);
    }
    return bases;
  }

  Bases FullBases(int64_t spans) const {
    Bases bases;
    for (std::size_t a = 0; a < 3; ++a) {
      const double step = 1.0 / static_cast<double>(shrink[a]);
      const auto domain = static_cast<double>(small_vox[a] - 1);
      bases[a] =
          CubicBasis(size_vox[a], -static_cast<double>(first_vox[a]) * step, step, domain, spans)
              .to(at::kFloat);
    }
    return bases;
  }
};

struct Estimate {
  std::vector<Tensor> lattices_UVW;  // one per level; the field is the sum of their splines
  std::vector<int> iterations;
  double last_change = 0;
};

// Tustison et al. 2010, equations 5 and 6: the relative spread of the ratio of two fields.
double RelativeChange(const Tensor& log_ratio) {
  const Tensor ratio = log_ratio.to(at::kDouble).exp();
  return (ratio.std() / ratio.mean()).item<double>();
}

Estimate RunN4(const Tensor& image_XYZ,
               const Tensor& mask_XYZ,
               const Sampling& sampling,
               const std::vector<int64_t>& iterations,
               const BiasFieldOptions& options) {
  const Tensor inside = mask_XYZ.flatten().nonzero().squeeze(1);
  const Tensor log_input = image_XYZ.flatten().index_select(0, inside).log();
  Tensor field = at::zeros_like(log_input);  // inside the mask only
  Estimate estimate;
  int64_t spans = options.control_points - 3;
  for (const int64_t most : iterations) {
    const Bases bases = sampling.SmallBases(spans);
    const LatticeFit fit(bases, mask_XYZ);
    Tensor lattice_UVW;
    int used = 0;
    for (; used < most; ++used) {
      const Tensor uncorrected = log_input - field;
      const Tensor residual = uncorrected - SharpenedLog(uncorrected, options);
      Tensor residual_XYZ = at::zeros(mask_XYZ.numel(), at::kFloat);
      residual_XYZ.index_copy_(0, inside, residual);
      const Tensor update_UVW = fit.Fit(residual_XYZ.view(mask_XYZ.sizes()));
      const Tensor update = EvaluateLattice(update_UVW, bases).flatten().index_select(0, inside);
      lattice_UVW = lattice_UVW.defined() ? lattice_UVW + update_UVW : update_UVW;
      field = field + update;
      estimate.last_change = RelativeChange(update);
      if (estimate.last_change < options.convergence) {
        ++used;
        break;
      }
    }
    estimate.lattices_UVW.push_back(lattice_UVW);
    estimate.iterations.push_back(used);
    spans *= 2;
  }
  return estimate;
}

Tensor FieldOf(const Estimate& estimate, const Sampling& sampling, bool full, int64_t spans) {
  Tensor field_XYZ;
  for (const Tensor& lattice_UVW : estimate.lattices_UVW) {
    const Bases bases = full ? sampling.FullBases(spans) : sampling.SmallBases(spans);
    const Tensor level_XYZ = EvaluateLattice(lattice_UVW, bases);
    if (field_XYZ.defined()) {
      field_XYZ.add_(level_XYZ);
    } else {
      field_XYZ = level_XYZ;
    }
    spans *= 2;
  }
  return field_XYZ;
}

Tensor UsableMask(const Tensor& image_XYZ, const Tensor& mask_XYZ) {
  const Tensor inside = image_XYZ.masked_select(mask_XYZ);
  SAP_REQUIRE(ErrorKind::kInput,
              inside.numel() >= 100,
              "bias: the body mask has {} voxels on the estimate's grid; at least 100 are needed",
              inside.numel());
  const double floor = 0.01 * Percentiles(inside, {99.0})[0];
  const Tensor usable = mask_XYZ.logical_and(image_XYZ > std::max(floor, 1e-30));
  SAP_REQUIRE(ErrorKind::kInput,
              usable.sum().item<int64_t>() >= 100,
              "bias: fewer than 100 voxels of the body have signal; check this series");
  return usable;
}

Tensor BrightTissue(const Tensor& image_XYZ, const Tensor& mask_XYZ) {
  const Tensor inside = image_XYZ.masked_select(mask_XYZ);
  if (inside.numel() == 0) return mask_XYZ;
  const double bright = Percentiles(inside, {99.5})[0];
  if (!(bright > 0)) return mask_XYZ;
  const double threshold = std::exp(OtsuThreshold(inside.clamp(bright * 1e-2, bright).log()));
  return mask_XYZ.logical_and(image_XYZ > threshold);
}

}  // namespace

BiasField EstimateBiasField(const Volume& image,
                            const Tensor& mask_XYZ,
                            const BiasFieldOptions& options) {
  const Sampling sampling(image.geometry(), options.estimate_mm);
  const Tensor small_XYZ = sampling.Take(image.data());
  const Tensor usable_XYZ = UsableMask(small_XYZ, sampling.Take(mask_XYZ.to(at::kBool)));
  const int64_t spans = options.control_points - 3;
  const Estimate estimate = RunN4(small_XYZ, usable_XYZ, sampling, options.iterations, options);
  BiasField result;
  result.iterations = estimate.iterations;
  result.last_change = estimate.last_change;
  const Tensor small_field_XYZ = FieldOf(estimate, sampling, /*full=*/false, spans);
  result.log_field_sd = small_field_XYZ.masked_select(usable_XYZ).std().item<double>();
  // What one more coarse pass would still remove: 0 for a converged correction.
  const Estimate again = RunN4(
      small_XYZ / small_field_XYZ.exp(), usable_XYZ, sampling, {options.iterations[0]}, options);
  result.residual_sd = FieldOf(again, sampling, /*full=*/false, spans)
                           .masked_select(usable_XYZ)
                           .std()
                           .item<double>();
  // Outside the estimate's support a spline runs free; +-8 is the authors' bound.
  result.log_field_XYZ = FieldOf(estimate, sampling, /*full=*/true, spans).clamp_(-8.0, 8.0);
  return result;
}

BiasField EstimateDiffusionBias(const Volume& image,
                                const Tensor& mask_XYZ,
                                const BiasFieldOptions& options) {
  BiasFieldOptions own = options;
  own.iterations = options.diffusion_iterations;
  return EstimateBiasField(image, BrightTissue(image.data(), mask_XYZ), own);
}

Volume CorrectBias(const Volume& image,
                   const Tensor& mask_XYZ,
                   const Tensor& log_field_XYZ,
                   bool keep_median) {
  Tensor corrected_XYZ = image.data() / log_field_XYZ.exp();
  if (keep_median) {
    const Tensor before = image.data().masked_select(mask_XYZ);
    const double wanted = Percentiles(before, {50.0})[0];
    const double found = Percentiles(corrected_XYZ.masked_select(mask_XYZ), {50.0})[0];
    if (wanted > 0 && found > 0) corrected_XYZ.mul_(wanted / found);
  }
  return image.WithData(corrected_XYZ);
}

}  // namespace sap::preprocess
