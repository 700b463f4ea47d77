// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sap/core/tensor.h"

namespace sap::preprocess {

struct NyulOptions {
  std::vector<double> percentiles = {0, 20, 40, 60, 80, 95};

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("percentiles", percentiles)
        .Help("landmarks, ascending [%], of the voxels above 0")
        .Range(0.0, 100.0)
        .Rule("at least two, ascending", [](const std::vector<double>& p) {
          for (std::size_t i = 1; i < p.size(); ++i) {
            if (!(p[i] > p[i - 1])) return false;
          }
          return p.size() >= 2;
        });
  }
};

// A piecewise linear, strictly rising map of intensities.
struct NyulMap {
  std::vector<double> from;
  std::vector<double> to;

  NyulMap Inverse() const { return {to, from}; }
};

// Landmarks of one image: percentiles of its voxels above 0, made strictly rising.
// image_XYZ: float32. kInput when no voxel is above 0.
std::vector<double> Landmarks(const Tensor& image_XYZ, const NyulOptions& options = {});

// The standard scale of a cohort (Nyul, Udupa and Zhang 2000): each image's landmarks mapped
// linearly, so that its first and last fall on the cohort's mean first and last, then averaged.
std::vector<double> FitNyul(const std::vector<std::vector<double>>& landmarks);

// The map applied to every voxel above 0, linear extension beyond the ends (preprocessing §1.13);
// zeros stay 0, and no voxel above 0 becomes 0. float32 in and out.
Tensor ApplyNyul(const Tensor& image_XYZ, const NyulMap& map);

}  // namespace sap::preprocess
