// SPDX-License-Identifier: Apache-2.0
#include "preprocess/diffusion_step.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>

#include "preprocess/diffusion_rows.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::preprocess {
namespace {

const DiffusionKernels& Kernels() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2) return kDiffusionAvx2;
#endif
  return kDiffusionBaseline;
}

struct Grid {
  const float* image;
  int64_t x;
  int64_t y;
  int64_t z;

  const float* Row(int64_t at_x, int64_t at_y) const {
    return image +
           (std::clamp<int64_t>(at_x, 0, x - 1) * y + std::clamp<int64_t>(at_y, 0, y - 1)) * z;
  }
  DiffusionRows RowsAt(int64_t at_x, int64_t at_y) const {
    return {.c = Row(at_x, at_y),
            .xm = Row(at_x - 1, at_y),
            .xp = Row(at_x + 1, at_y),
            .ym = Row(at_x, at_y - 1),
            .yp = Row(at_x, at_y + 1),
            .xp_ym = Row(at_x + 1, at_y - 1),
            .xp_yp = Row(at_x + 1, at_y + 1),
            .xm_yp = Row(at_x - 1, at_y + 1)};
  }
};

double MeanSquaredGradient(const Grid& grid, const DiffusionScales& scales) {
  std::vector<double> of_plane(static_cast<std::size_t>(grid.x), 0.0);
  ParallelFor(grid.x, 1, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      double sum = 0;
      for (int64_t y = 0; y < grid.y; ++y) {
        sum += Kernels().row_squared_gradient(grid.RowsAt(x, y), scales, grid.z);
      }
      of_plane[static_cast<std::size_t>(x)] = sum;
    }
  });
  // In the order of planes, whatever the number of threads.
  const double total = std::accumulate(of_plane.begin(), of_plane.end(), 0.0);
  return 0.25 * total / (static_cast<double>(grid.x) * static_cast<double>(grid.y * grid.z));
}

void UpdatePlanes(const Grid& grid,
                  const DiffusionScales& scales,
                  float time_step,
                  int64_t begin_x,
                  int64_t end_x,
                  float* next) {
  const auto row_size = static_cast<std::size_t>(grid.z);
  const auto plane_size = static_cast<std::size_t>(grid.y) * row_size;
  std::vector<float> flux_x(plane_size, 0.0F);  // through the faces before this plane
  std::vector<float> row_x(row_size);
  std::vector<float> row_y(row_size);
  std::vector<float> before_y(row_size);
  std::vector<float> row_z(row_size + 1, 0.0F);
  if (begin_x > 0) {
    for (int64_t y = 0; y < grid.y; ++y) {
      Kernels().row_fluxes(grid.RowsAt(begin_x - 1, y),
                           scales,
                           grid.z,
                           flux_x.data() + y * grid.z,
                           row_y.data(),
                           row_z.data() + 1);
    }
  }
  for (int64_t x = begin_x; x < end_x; ++x) {
    std::fill(before_y.begin(), before_y.end(), 0.0F);
    for (int64_t y = 0; y < grid.y; ++y) {
      const DiffusionRows rows = grid.RowsAt(x, y);
      float* before_x = flux_x.data() + y * grid.z;
      Kernels().row_fluxes(rows, scales, grid.z, row_x.data(), row_y.data(), row_z.data() + 1);
      Kernels().update_row(rows.c,
                           row_x.data(),
                           before_x,
                           row_y.data(),
                           before_y.data(),
                           row_z.data() + 1,
                           time_step,
                           grid.z,
                           next + (x * grid.y + y) * grid.z);
      std::copy(row_x.begin(), row_x.end(), before_x);
      std::swap(row_y, before_y);
    }
  }
}

}  // namespace

void DiffusionStep(const Tensor& image_XYZ,
                   const XyzDouble& spacing_mm,
                   double conductance,
                   double time_step,
                   Tensor& next_XYZ) {
  SAP_CHECK(image_XYZ.is_contiguous() && next_XYZ.is_contiguous() &&
            image_XYZ.scalar_type() == at::kFloat && next_XYZ.scalar_type() == at::kFloat &&
            image_XYZ.sizes() == next_XYZ.sizes());
  const Grid grid{
      image_XYZ.const_data_ptr<float>(), image_XYZ.size(0), image_XYZ.size(1), image_XYZ.size(2)};
  float* next = next_XYZ.mutable_data_ptr<float>();
  DiffusionScales scales{.x = static_cast<float>(1.0 / spacing_mm.x),
                         .y = static_cast<float>(1.0 / spacing_mm.y),
                         .z = static_cast<float>(1.0 / spacing_mm.z)};
  const double k = -2.0 * conductance * conductance * MeanSquaredGradient(grid, scales);
  if (k == 0) {  // a constant image
    next_XYZ.copy_(image_XYZ);
    return;
  }
  scales.exponent = static_cast<float>(1.0 / k);
  ParallelFor(grid.x, 8, [&](int64_t begin, int64_t end) {
    UpdatePlanes(grid, scales, static_cast<float>(time_step), begin, end, next);
  });
}

}  // namespace sap::preprocess
