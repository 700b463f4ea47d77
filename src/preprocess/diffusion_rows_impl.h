// SPDX-License-Identifier: Apache-2.0
// The loops themselves; included by one source per instruction set.
// Nothing here may have external linkage, else the linker would mix instruction sets.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "preprocess/diffusion_rows.h"

namespace sap::preprocess {
namespace {

// e^v for v <= 0 to 1e-7 of the value, without a call, so that a loop of it is vectorised:
// 2^n times the Taylor series of e^r, |r| <= ln(2) / 2.
inline float ExpOfNegative(float v) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float bounded = std::max(v, -87.0F);
  const float n = (bounded * 1.44269504F + kRound) - kRound;
  const float r = (bounded - n * 0.693359375F) + n * 2.12194440e-4F;
  float series = 1.0F / 5040.0F;
  series = series * r + 1.0F / 720.0F;
  series = series * r + 1.0F / 120.0F;
  series = series * r + 1.0F / 24.0F;
  series = series * r + 1.0F / 6.0F;
  series = series * r + 0.5F;
  series = series * r + 1.0F;
  series = series * r + 1.0F;
  return series * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

inline float Square(float v) {
  return v * v;
}

// Flux through a face: the difference across it times the conductance; `along_*` are the sums of
// both voxels' central differences along the face's own axes, times 2 (hence 1 / 16 below).
inline float Flux(float difference, float along_1, float along_2, float exponent) {
  const float squared = Square(difference) + 0.0625F * (Square(along_1) + Square(along_2));
  return difference * ExpOfNegative(squared * exponent);
}

// Fluxes through the faces of one voxel towards larger x, y and z. lo and hi are z - 1 and z + 1
// inside the row.
inline void VoxelFluxes(const DiffusionRows& r,
                        const DiffusionScales& s,
                        int64_t z,
                        int64_t lo,
                        int64_t hi,
                        float* flux_x,
                        float* flux_y,
                        float* flux_z) {
  const float gx = (r.xp[z] - r.xm[z]) * s.x;
  const float gy = (r.yp[z] - r.ym[z]) * s.y;
  const float gz = (r.c[hi] - r.c[lo]) * s.z;
  const float gx_y = (r.xp_yp[z] - r.xm_yp[z]) * s.x;  // at y + 1
  const float gz_y = (r.yp[hi] - r.yp[lo]) * s.z;
  const float gy_x = (r.xp_yp[z] - r.xp_ym[z]) * s.y;  // at x + 1
  const float gz_x = (r.xp[hi] - r.xp[lo]) * s.z;
  const float gx_z = (r.xp[hi] - r.xm[hi]) * s.x;  // at z + 1
  const float gy_z = (r.yp[hi] - r.ym[hi]) * s.y;
  flux_x[z] = Flux((r.xp[z] - r.c[z]) * s.x, gy + gy_x, gz + gz_x, s.exponent);
  flux_y[z] = Flux((r.yp[z] - r.c[z]) * s.y, gx + gx_y, gz + gz_y, s.exponent);
  flux_z[z] = Flux((r.c[hi] - r.c[z]) * s.z, gx + gx_z, gy + gy_z, s.exponent);
}

void RowFluxes(const DiffusionRows& rows,
               const DiffusionScales& scales,
               int64_t num_z,
               float* __restrict flux_x,
               float* __restrict flux_y,
               float* __restrict flux_z) {
  const DiffusionRows r = rows;
  const DiffusionScales s = scales;
  VoxelFluxes(r, s, 0, 0, std::min<int64_t>(1, num_z - 1), flux_x, flux_y, flux_z);
#pragma GCC ivdep
  for (int64_t z = 1; z < num_z - 1; ++z) {
    VoxelFluxes(r, s, z, z - 1, z + 1, flux_x, flux_y, flux_z);
  }
  const int64_t last = num_z - 1;
  if (last > 0) VoxelFluxes(r, s, last, last - 1, last, flux_x, flux_y, flux_z);
}

void UpdateRow(const float* __restrict image,
               const float* __restrict flux_x,
               const float* __restrict flux_x_before,
               const float* __restrict flux_y,
               const float* __restrict flux_y_before,
               const float* __restrict flux_z,  // [-1] is the face before the first
               float time_step,
               int64_t num_z,
               float* __restrict next) {
  for (int64_t z = 0; z < num_z; ++z) {
    const float change = (flux_x[z] - flux_x_before[z]) + (flux_y[z] - flux_y_before[z]) +
                         (flux_z[z] - flux_z[z - 1]);
    next[z] = image[z] + time_step * change;
  }
}

// Four partial sums, since a chain of additions is slow.
double RowSquaredGradient(const DiffusionRows& r, const DiffusionScales& s, int64_t num_z) {
  double sum = 0;
  const auto voxel = [&](int64_t z, int64_t lo, int64_t hi) {
    return static_cast<double>(Square((r.xp[z] - r.xm[z]) * s.x) +
                               Square((r.yp[z] - r.ym[z]) * s.y) +
                               Square((r.c[hi] - r.c[lo]) * s.z));
  };
  sum += voxel(0, 0, std::min<int64_t>(1, num_z - 1));
  double part[4] = {0, 0, 0, 0};
  int64_t z = 1;
  for (; z + 4 < num_z; z += 4) {
    for (int64_t k = 0; k < 4; ++k) part[k] += voxel(z + k, z + k - 1, z + k + 1);
  }
  for (; z < num_z - 1; ++z) sum += voxel(z, z - 1, z + 1);
  if (num_z > 1) sum += voxel(num_z - 1, num_z - 2, num_z - 1);
  return sum + part[0] + part[1] + part[2] + part[3];
}

constexpr DiffusionKernels kKernels = {RowFluxes, UpdateRow, RowSquaredGradient};

}  // namespace
}  // namespace sap::preprocess
