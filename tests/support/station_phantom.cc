// SPDX-License-Identifier: Apache-2.0
#include "support/station_phantom.h"

#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/parallel.h"
#include "sap/core/rng.h"

namespace sap::testing {
namespace {

enum class Tissue { kAir, kFat, kMuscle, kMarrow, kCord, kLiver, kKidney, kLung };

struct Properties {
  double t1, s0, adc_um2_per_s;
};

Properties Of(Tissue tissue) {
  switch (tissue) {
    case Tissue::kFat:
      return {900, 90, 300};
    case Tissue::kMuscle:
      return {350, 300, 1400};
    case Tissue::kMarrow:
      return {700, 220, 500};
    case Tissue::kCord:
      return {420, 600, 900};
    case Tissue::kLiver:
      return {520, 380, 1100};
    case Tissue::kKidney:
      return {300, 650, 1900};
    case Tissue::kLung:
      return {25, 12, 500};
    case Tissue::kAir:
      break;
  }
  return {0, 0, 0};
}

double Ellipsoid(const XyzDouble& p, const XyzDouble& centre, const XyzDouble& radius) {
  double sum = 0;
  for (std::size_t a = 0; a < 3; ++a) sum += std::pow((p[a] - centre[a]) / radius[a], 2);
  return sum;
}

Tissue TissueAt(const XyzDouble& p) {
  const double girth = 1 + 0.08 * std::sin(p.z / 60) + 0.04 * std::cos(p.z / 23);
  const double x = p.x - 8 * std::sin(p.z / 70);
  const double r = std::pow(x / (170 * girth), 2) + std::pow(p.y / (115 * girth), 2);
  if (r > 1 || std::abs(p.z) > 260) return Tissue::kAir;
  if (r > 0.8) return Tissue::kFat;
  if (std::hypot(x, p.y - 72) < 7) return Tissue::kCord;
  const double in_vertebra = p.z - 34 * std::floor(p.z / 34);
  if (std::hypot(x, p.y - 42) < 19 && in_vertebra < 26) return Tissue::kMarrow;
  if (Ellipsoid(p, {80, -10, 60}, {60, 60, 70}) < 1) return Tissue::kLiver;
  if (Ellipsoid(p, {-70, 30, -40}, {28, 25, 55}) < 1) return Tissue::kKidney;
  if (Ellipsoid(p, {70, 35, -70}, {26, 26, 50}) < 1) return Tissue::kKidney;
  if (Ellipsoid(p, {-75, -15, 170}, {55, 60, 75}) < 1) return Tissue::kLung;
  if (Ellipsoid(p, {40, -30, -190}, {60, 40, 40}) < 1) return Tissue::kLiver;
  return Tissue::kMuscle;
}

double Texture(const XyzDouble& p) {
  return 1 + 0.12 * std::sin(p.x / 9) * std::cos(p.y / 11) * std::sin(p.z / 14);
}

}  // namespace

double PhantomT1(const XyzDouble& p_mm) {
  return Of(TissueAt(p_mm)).t1 * Texture(p_mm);
}

double PhantomAdcUm2PerS(const XyzDouble& p_mm) {
  return Of(TissueAt(p_mm)).adc_um2_per_s;
}

double PhantomDwi(const XyzDouble& p_mm, double b_s_per_mm2) {
  const Properties tissue = Of(TissueAt(p_mm));
  return tissue.s0 * Texture(p_mm) * std::exp(-b_s_per_mm2 * tissue.adc_um2_per_s * 1e-6);
}

bool PhantomInside(const XyzDouble& p_mm) {
  return TissueAt(p_mm) != Tissue::kAir;
}

double PhantomLogBias(const Geometry& grid, const XyzDouble& at_vox, double bias) {
  XyzDouble u;  // -1 to 1 over the grid
  for (std::size_t a = 0; a < 3; ++a) {
    u[a] = 2 * (at_vox[a] + 0.5) / static_cast<double>(grid.size_vox[a]) - 1;
  }
  return bias * (1.5 * u.x * u.x - 1.2 * u.y + 0.8 * std::sin(2 * u.z + u.x));
}

namespace {

// Mean of `signal` over the voxel of `grid` at v.
double MeanSignal(const Geometry& grid,
                  const std::function<double(const XyzDouble& p_mm)>& signal,
                  const XyzDouble& v,
                  const SamplingOptions& options) {
  const int n = options.points_per_axis;
  double sum = 0;
  for (int i = 0; i < n * n * n; ++i) {
    const XyzInt part = {i / (n * n), i / n % n, i % n};
    XyzDouble at_vox = v;
    for (std::size_t a = 0; a < 3; ++a) {
      at_vox[a] += (static_cast<double>(part[a]) + 0.5) / n - 0.5;
    }
    XyzDouble p_mm = grid.LpsFromVox(at_vox);
    for (std::size_t a = 0; a < 3; ++a) p_mm[a] += options.shift_mm[a];
    sum += signal(p_mm);
  }
  return sum / (n * n * n);
}

}  // namespace

Volume SamplePhantom(const Geometry& grid,
                     const std::function<double(const XyzDouble& p_mm)>& signal,
                     const SamplingOptions& options) {
  const XyzInt& size = grid.size_vox;
  Tensor data_XYZ = at::empty({size.x, size.y, size.z}, at::kFloat);
  float* data = data_XYZ.mutable_data_ptr<float>();
  ParallelFor(size.x, 1, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      Rng rng({.seed = options.seed, .sample = static_cast<uint64_t>(x)});
      for (int64_t y = 0; y < size.y; ++y) {
        for (int64_t z = 0; z < size.z; ++z) {
          const XyzDouble v = {
              static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)};
          const double field = std::exp(PhantomLogBias(grid, v, options.bias));
          double value = options.gain * field * MeanSignal(grid, signal, v, options);
          if (options.noise_sd > 0) {
            value = std::hypot(value + options.noise_sd * rng.Normal(),
                               options.noise_sd * rng.Normal());
          }
          data[(x * size.y + y) * size.z + z] = static_cast<float>(value);
        }
      }
    }
  });
  return {data_XYZ, grid};
}

Tensor PhantomMaskXYZ(const Geometry& grid, const XyzDouble& shift_mm) {
  return SamplePhantom(grid,
                       [](const XyzDouble& p) { return PhantomInside(p) ? 1.0 : 0.0; },
                       {.shift_mm = shift_mm})
             .data() > 0.5;
}

std::vector<Geometry> StationGrids(int count,
                                   const XyzInt& size_vox,
                                   const XyzDouble& spacing_mm,
                                   int64_t overlap_vox,
                                   double z_mm) {
  std::vector<Geometry> grids;
  for (int i = 0; i < count; ++i) {
    Geometry grid;
    grid.size_vox = size_vox;
    grid.spacing_mm = spacing_mm;
    for (std::size_t a = 0; a < 2; ++a) {
      grid.origin_mm[a] = -0.5 * static_cast<double>(size_vox[a] - 1) * spacing_mm[a];
    }
    grid.origin_mm.z = z_mm + i * static_cast<double>(size_vox.z - overlap_vox) * spacing_mm.z;
    grids.push_back(grid);
  }
  return grids;
}

}  // namespace sap::testing
