// SPDX-License-Identifier: Apache-2.0
#include "phantom/scanner.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "sap/core/parallel.h"

namespace sap::phantom {
namespace {

constexpr int kNumBiasTerms = 5;
constexpr double kStationMm = 280.0;
constexpr double kStationBlendMm = 12.0;

std::vector<float> DrawCosine(Rng& rng, int64_t size, double amplitude) {
  const double cycles = rng.Uniform(0.1, 0.9);
  const double phase = rng.Uniform(0, 2 * std::numbers::pi);
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double at = static_cast<double>(i) / static_cast<double>(size);
    values[i] =
        static_cast<float>(amplitude * std::cos(2 * std::numbers::pi * cycles * at + phase));
  }
  return values;
}

// One line of the three-tap filter with clamped ends.
void SmoothLine(float* values, int64_t count, int64_t stride, float side) {
  float before = values[0];
  for (int64_t i = 0; i < count; ++i) {
    const float here = values[i * stride];
    const float after = i + 1 < count ? values[(i + 1) * stride] : here;
    values[i * stride] = here + side * (before + after - 2 * here);
    before = here;
  }
}

}  // namespace

Shading::Shading(Rng& rng, const Geometry& grid, double bias_frac, double gain_frac) {
  for (int i = 0; i < kNumBiasTerms; ++i) {
    const double amplitude = bias_frac * rng.Normal() / std::sqrt(kNumBiasTerms / 2.0);
    terms_.push_back({DrawCosine(rng, grid.size_vox.x, amplitude),
                      DrawCosine(rng, grid.size_vox.y, 1),
                      DrawCosine(rng, grid.size_vox.z, 1)});
  }
  const double first_border_mm = rng.Uniform(0.5, 1.0) * kStationMm;
  std::vector<double> station_gain(2 +
                                   static_cast<std::size_t>(static_cast<double>(grid.size_vox.z) *
                                                            grid.spacing_mm.z / kStationMm));
  for (double& gain : station_gain) gain = std::exp(gain_frac * rng.Normal());
  gain_.resize(static_cast<std::size_t>(grid.size_vox.z));
  for (std::size_t k = 0; k < gain_.size(); ++k) {
    const double z_mm = static_cast<double>(k) * grid.spacing_mm.z;
    double gain = station_gain[0];
    for (std::size_t s = 1; s < station_gain.size(); ++s) {
      const double border_mm = first_border_mm + static_cast<double>(s - 1) * kStationMm;
      const double share = 1 / (1 + std::exp(-(z_mm - border_mm) / kStationBlendMm));
      gain += share * (station_gain[s] - station_gain[s - 1]);
    }
    gain_[k] = static_cast<float>(gain);
  }
}

SmoothNoise::SmoothNoise(Rng& rng, double step_mm) : per_mm_(1 / step_mm) {
  values_.resize(kEdge * kEdge * kEdge);
  // Trilinear interpolation of white noise has variance 8/27 on average.
  for (float& value : values_) value = static_cast<float>(1.84 * rng.Normal());
}

float SmoothNoise::At(const XyzDouble& p_mm) const {
  std::array<std::size_t, 3> low, high;
  std::array<float, 3> f;
  for (std::size_t a = 0; a < 3; ++a) {
    const double at = p_mm[a] * per_mm_;
    const double floor = std::floor(at);
    low[a] = static_cast<std::size_t>(static_cast<int64_t>(floor) & (kEdge - 1));
    high[a] = (low[a] + 1) & (kEdge - 1);
    f[a] = static_cast<float>(at - floor);
  }
  const auto line = [&](std::size_t x, std::size_t y) {
    const float* v = values_.data() + (x * kEdge + y) * kEdge;
    return v[low[2]] * (1 - f[2]) + v[high[2]] * f[2];
  };
  const float near = line(low[0], low[1]) * (1 - f[1]) + line(low[0], high[1]) * f[1];
  const float far = line(high[0], low[1]) * (1 - f[1]) + line(high[0], high[1]) * f[1];
  return near * (1 - f[0]) + far * f[0];
}

void SmoothInPlace(Tensor& image_XYZ, const XyzDouble& spacing_mm, double sigma_mm) {
  const int64_t nx = image_XYZ.size(0), ny = image_XYZ.size(1), nz = image_XYZ.size(2);
  std::array<float, 3> side;
  for (std::size_t a = 0; a < 3; ++a) {
    const double sigma_vox = sigma_mm / spacing_mm[a];
    side[a] = static_cast<float>(std::min(0.5 * sigma_vox * sigma_vox, 0.33));
  }
  float* data = image_XYZ.data_ptr<float>();
  ParallelFor(nx, 4, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      float* slab = data + x * ny * nz;
      for (int64_t y = 0; y < ny; ++y) SmoothLine(slab + y * nz, nz, 1, side[2]);
      for (int64_t z = 0; z < nz; ++z) SmoothLine(slab + z, ny, nz, side[1]);
    }
  });
  ParallelFor(ny, 4, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t z = 0; z < nz; ++z) SmoothLine(data + y * nz + z, nx, ny * nz, side[0]);
    }
  });
}

}  // namespace sap::phantom
