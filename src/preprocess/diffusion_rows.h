// SPDX-License-Identifier: Apache-2.0
// Loops along z of one diffusion step, compiled once per instruction set (diffusion_rows_*.cc).
#pragma once

#include <cstdint>

namespace sap::preprocess {

// 1 / spacing of each axis and the exponent's factor, 1 / (-2 K^2 mean |grad I|^2).
struct DiffusionScales {
  float x = 1;
  float y = 1;
  float z = 1;
  float exponent = 0;
};

// The rows along z that the faces of voxel row (x, y) need. Beyond the border a row is the last
// one again: no difference across, so no flux.
struct DiffusionRows {
  const float* c;
  const float* xm;
  const float* xp;
  const float* ym;
  const float* yp;
  const float* xp_ym;
  const float* xp_yp;
  const float* xm_yp;
};

struct DiffusionKernels {
  // Fluxes through the faces of each voxel of a row towards larger x, y and z.
  void (*row_fluxes)(const DiffusionRows& rows,
                     const DiffusionScales& scales,
                     int64_t num_z,
                     float* flux_x,
                     float* flux_y,
                     float* flux_z);
  // next = image + time_step * (what flows in - what flows out); flux_z[-1] is the face before the
  // first voxel.
  void (*update_row)(const float* image,
                     const float* flux_x,
                     const float* flux_x_before,
                     const float* flux_y,
                     const float* flux_y_before,
                     const float* flux_z,
                     float time_step,
                     int64_t num_z,
                     float* next);
  // Sum over a row of |grad I|^2 * 4.
  double (*row_squared_gradient)(const DiffusionRows& rows,
                                 const DiffusionScales& scales,
                                 int64_t num_z);
};

extern const DiffusionKernels kDiffusionBaseline;
extern const DiffusionKernels kDiffusionAvx2;  // only where the processor has AVX2 and FMA

}  // namespace sap::preprocess
