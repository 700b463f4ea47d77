// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/isis.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <Eigen/Dense>
#include <fmt/format.h>

#include "preprocess/overlap.h"
#include "sap/core/error.h"
#include "sap/image/intensity.h"
#include "sap/image/morphology.h"
#include "sap/image/resample.h"

namespace sap::preprocess {
namespace {

struct Side {
  Volume image;
  Volume mask;  // bool
};

Volume EdgeSafeMask(const Volume& mask, double erode_mm) {
  if (erode_mm <= 0) return mask;
  return mask.WithData(Erode(mask.data(), mask.geometry().spacing_mm, erode_mm));
}

// The part of a station that an overlap needs, with what erosion and interpolation look at.
Side NearOverlap(const Side& side, const Geometry& other, double erode_mm) {
  const XyzDouble& spacing_mm = side.image.geometry().spacing_mm;
  const double margin_mm = erode_mm + 2 * std::max({spacing_mm.x, spacing_mm.y, spacing_mm.z});
  const Box box = *OverlapBox(side.image.geometry(), other, margin_mm);
  return {Cropped(side.image, box), Cropped(side.mask, box)};
}

double MedianOfRatios(const Tensor& upper, const Tensor& lower) {
  // Noise makes a ratio's distribution skew; the dark half of the voxels carries most of it.
  const Tensor mean = upper + lower;
  const Tensor bright = mean >= Percentiles(mean, {50.0})[0];
  return Percentiles((upper / lower).masked_select(bright), {50.0})[0];
}

// Values of both stations at the lower one's voxels where both have body and signal. Both sides
// overlap.
GainPair FromOverlap(const Side& whole_lower, const Side& whole_upper, const IsisOptions& o) {
  const bool robust = o.estimator == GainEstimator::kMedianRatio;
  const Geometry& low_grid = whole_lower.image.geometry();
  const Geometry& up_grid = whole_upper.image.geometry();
  const Side lower = NearOverlap(whole_lower, up_grid, o.erode_mm);
  const Side upper = NearOverlap(whole_upper, low_grid, o.erode_mm);
  const Box box = *OverlapBox(lower.image.geometry(), up_grid);
  const Volume low_image = Cropped(lower.image, box);
  const Volume low_mask = Cropped(robust ? EdgeSafeMask(lower.mask, o.erode_mm) : lower.mask, box);
  const Volume up_image = Resample(upper.image, low_image.geometry(), Interpolation::kLinear);
  const Volume up_mask = Resample(robust ? EdgeSafeMask(upper.mask, o.erode_mm) : upper.mask,
                                  low_image.geometry(),
                                  Interpolation::kNearest);
  const Tensor both = low_mask.data()
                          .logical_and(up_mask.data())
                          .logical_and(low_image.data() > 0)
                          .logical_and(up_image.data() > 0);
  GainPair pair;
  const Tensor low = low_image.data().masked_select(both);
  const Tensor up = up_image.data().masked_select(both);
  if (low.numel() < o.min_vox) return pair;
  pair.num_vox = low.numel();
  pair.ratio = robust ? MedianOfRatios(up, low)
                      : up.mean(at::kDouble).item<double>() / low.mean(at::kDouble).item<double>();
  return pair;
}

// Last slice of the lower station against the first of the upper one.
GainPair FromAdjoining(const Side& lower, const Side& upper, const IsisOptions& o) {
  const auto slice = [](const Side& side, int64_t z) {
    const Tensor mask =
        side.mask.data().select(2, z).logical_and(side.image.data().select(2, z) > 0);
    return side.image.data().select(2, z).masked_select(mask);
  };
  const Tensor low = slice(lower, lower.image.geometry().size_vox.z - 1);
  const Tensor up = slice(upper, 0);
  GainPair pair;
  if (std::min(low.numel(), up.numel()) < o.min_vox) return pair;
  pair.num_vox = std::min(low.numel(), up.numel());
  pair.ratio = Percentiles(up, {50.0})[0] / Percentiles(low, {50.0})[0];
  return pair;
}

// Least squares of log gain: (g_upper + log ratio) = g_lower, weighted by the voxels; a tiny ridge
// leaves stations that nothing links at gain 1.
std::vector<double> SolveGains(std::size_t num, const std::vector<GainPair>& pairs) {
  const auto n = static_cast<Eigen::Index>(num);
  Eigen::MatrixXd normal = Eigen::MatrixXd::Identity(n, n) * 1e-12;
  Eigen::VectorXd right = Eigen::VectorXd::Zero(n);
  double total = 0;
  for (const GainPair& pair : pairs) total += static_cast<double>(pair.num_vox);
  const Eigen::Index centre = (n - 1) / 2;
  normal(centre, centre) += 1e6;
  for (const GainPair& pair : pairs) {
    if (pair.num_vox == 0) continue;
    const double weight = static_cast<double>(pair.num_vox) / total;
    const double log_ratio = std::log(pair.ratio);
    const Eigen::Index l = pair.lower_idx;
    const Eigen::Index u = pair.upper_idx;
    normal(l, l) += weight;
    normal(u, u) += weight;
    normal(l, u) -= weight;
    normal(u, l) -= weight;
    right(l) += weight * log_ratio;
    right(u) -= weight * log_ratio;
  }
  const Eigen::VectorXd log_gain = normal.ldlt().solve(right);
  std::vector<double> gain;
  for (Eigen::Index i = 0; i < n; ++i) gain.push_back(std::exp(log_gain(i) - log_gain(centre)));
  return gain;
}

}  // namespace

StationGains EstimateGains(const std::vector<Volume>& images,
                           const std::vector<Tensor>& masks_XYZ,
                           const IsisOptions& options) {
  SAP_CHECK(images.size() == masks_XYZ.size() && !images.empty());
  StationGains result;
  const std::size_t num = images.size();
  for (std::size_t l = 0; l + 1 < num; ++l) {
    for (std::size_t u = l + 1; u < num; ++u) {
      const Side lower{images[l], images[l].WithData(masks_XYZ[l].to(at::kBool))};
      const Side upper{images[u], images[u].WithData(masks_XYZ[u].to(at::kBool))};
      GainPair pair;
      if (OverlapBox(lower.image.geometry(), upper.image.geometry()) &&
          OverlapBox(upper.image.geometry(), lower.image.geometry())) {
        pair = FromOverlap(lower, upper, options);
      }
      if (pair.num_vox == 0 && options.adjoining && u == l + 1) {
        pair = FromAdjoining(lower, upper, options);
      }
      pair.lower_idx = static_cast<int>(l);
      pair.upper_idx = static_cast<int>(u);
      if (u == l + 1 && pair.num_vox == 0) {
        result.notices.push_back(
            fmt::format("isis: stations {} and {} share too few body voxels; their gain stays as "
                        "it is",
                        l + 1,
                        u + 1));
      }
      if (u == l + 1 || pair.num_vox > 0) result.pairs.push_back(pair);
    }
  }
  result.gain = SolveGains(num, result.pairs);
  return result;
}

}  // namespace sap::preprocess
