// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/mr_signal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "phantom/growth.h"
#include "phantom/scanner.h"
#include "phantom/signal_table.h"
#include "phantom/tissue.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"

namespace sap::phantom {
namespace {

constexpr double kT1Units = 800.0;  // signal of fat in scanner units
constexpr double kB1000Units = 400.0;
constexpr double kB1000NoiseFactor = 1.3;  // diffusion images have the lower signal-to-noise
constexpr double kT1BlurMm = 0.9;
constexpr double kB1000BlurMm = 1.7;
constexpr double kFineTextureMm = 5.0;
constexpr double kCoarseTextureMm = 17.0;
constexpr TissueSignal kNodeSignal{0.36F, 0.52F};

// Relative heterogeneity of each class.
std::array<float, kNumClasses> TextureTable(double strength) {
  std::array<float, kNumClasses> table;
  table.fill(0.03F);
  for (std::size_t region = 1; region <= kOtherBone; ++region) table[region] = 0.08F;
  for (const auto& [tissue, amount] :
       std::initializer_list<std::pair<Tissue, float>>{{kAir, 0.0F},
                                                       {kMuscle, 0.07F},
                                                       {kBowel, 0.35F},
                                                       {kStomach, 0.20F},
                                                       {kBlood, 0.25F},
                                                       {kLung, 0.30F},
                                                       {kGreyMatter, 0.05F},
                                                       {kConnective, 0.14F},
                                                       {kKidney, 0.08F},
                                                       {kPancreas, 0.10F}}) {
    table[tissue] = amount;
  }
  for (float& amount : table) amount *= static_cast<float>(strength);
  return table;
}

void AddTexture(const Body& body, double strength, Rng& rng, Tensor& t1, Tensor& b1000) {
  const SmoothNoise fine(rng, kFineTextureMm), coarse(rng, kCoarseTextureMm);
  const auto table = TextureTable(strength);
  const Geometry& grid = body.tissue.geometry();
  const uint8_t* tissue = body.tissue.data().data_ptr<uint8_t>();
  ParallelFor(grid.NumVoxels(), 1 << 15, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float amount = table[tissue[i]];
      if (amount == 0) continue;
      const XyzDouble p = PointOf(grid, i);
      const float noise = 0.6F * fine.At(p) + 0.8F * coarse.At(p);
      const float factor = std::max(0.2F, 1 + amount * noise);
      t1.data_ptr<float>()[i] *= factor;
      b1000.data_ptr<float>()[i] *= factor;
    }
  });
}

void PaintFindings(const Findings& findings, Tensor& t1, Tensor& b1000) {
  const int16_t* mark = findings.marks_XYZ.data_ptr<int16_t>();
  ParallelFor(t1.numel(), 1 << 18, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (mark[i] == 0) continue;
      const Finding& finding = findings.list[static_cast<std::size_t>(mark[i] - 1)];
      t1.data_ptr<float>()[i] = static_cast<float>(finding.t1);
      b1000.data_ptr<float>()[i] = static_cast<float>(finding.b1000);
    }
  });
}

bool MayHoldNode(uint8_t tissue) {
  return tissue == kConnective || tissue == kFat || tissue == kMuscle;
}

void PaintNodes(const Body& body, Rng& rng, Tensor& t1, Tensor& b1000) {
  const Geometry& grid = body.tissue.geometry();
  const auto tissue = body.tissue.data().accessor<uint8_t, 3>();
  auto out_t1 = t1.accessor<float, 3>();
  auto out_b1000 = b1000.accessor<float, 3>();
  for (const XyzDouble& centre_mm : body.node_centres_mm) {
    XyzDouble axes_mm, c = centre_mm;
    for (std::size_t a = 0; a < 3; ++a) {
      axes_mm[a] = rng.Uniform(2.5, 5.5);
      c[a] += rng.Uniform(-6, 6);
    }
    const auto brightness = static_cast<float>(rng.Uniform(0.5, 1.3));
    const XyzDouble at = grid.VoxFromLps(c);
    XyzInt low, high;
    for (std::size_t a = 0; a < 3; ++a) {
      const double reach = axes_mm[a] / grid.spacing_mm[a];
      low[a] = std::max<int64_t>(0, static_cast<int64_t>(std::ceil(at[a] - reach)));
      high[a] = std::min(grid.size_vox[a] - 1, static_cast<int64_t>(std::floor(at[a] + reach)));
    }
    for (int64_t x = low.x; x <= high.x; ++x) {
      for (int64_t y = low.y; y <= high.y; ++y) {
        for (int64_t z = low.z; z <= high.z; ++z) {
          const XyzDouble d{(static_cast<double>(x) - at.x) * grid.spacing_mm.x / axes_mm.x,
                            (static_cast<double>(y) - at.y) * grid.spacing_mm.y / axes_mm.y,
                            (static_cast<double>(z) - at.z) * grid.spacing_mm.z / axes_mm.z};
          if (d.x * d.x + d.y * d.y + d.z * d.z > 1 || !MayHoldNode(tissue[x][y][z])) continue;
          out_t1[x][y][z] = kNodeSignal.t1;
          out_b1000[x][y][z] = kNodeSignal.b1000 * brightness;
        }
      }
    }
  }
}

// |signal + complex Gaussian noise|, shading on the signal only: coils shade what they receive,
// not their own noise. One stream per slab, so threads do not matter.
Tensor Receive(const Tensor& signal_XYZ,
               const Shading& shading,
               double noise,
               double units,
               const Rng::Key& key) {
  const int64_t ny = signal_XYZ.size(1), nz = signal_XYZ.size(2);
  Tensor out = at::empty(signal_XYZ.sizes(), at::kShort);
  ParallelFor(signal_XYZ.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      Rng::Key slab_key = key;
      slab_key.transform = key.transform + static_cast<uint32_t>(x) + 16;
      Rng rng(slab_key);
      const float* in = signal_XYZ.data_ptr<float>() + x * ny * nz;
      int16_t* target = out.data_ptr<int16_t>() + x * ny * nz;
      for (int64_t i = 0; i < ny * nz; ++i) {
        const float u = (static_cast<float>(rng.Bits() >> 8) + 1) * 0x1.0p-24F;
        const float angle =
            static_cast<float>(rng.Bits() >> 8) * (2 * std::numbers::pi_v<float> * 0x1.0p-24F);
        const float radius = static_cast<float>(noise) * std::sqrt(-2 * std::log(u));
        const float s = in[i] * shading.At(x, i / nz, i % nz);
        const float power = s * s + radius * radius + 2 * s * radius * std::cos(angle);
        const float value = std::sqrt(std::max(power, 0.0F)) * static_cast<float>(units);
        target[i] = static_cast<int16_t>(std::min(value + 0.5F, 32767.0F));
      }
    }
  });
  return out;
}

}  // namespace

Signals MakeSignals(const Body& body,
                    const Findings& findings,
                    const SignalOptions& options,
                    uint64_t seed,
                    uint64_t subject_idx,
                    uint64_t repeat_idx) {
  const Geometry& grid = body.tissue.geometry();
  Tensor t1 = body.t1.data().clone(), b1000 = body.b1000.data().clone();
  Rng texture_rng({.seed = seed, .stream = Stream::kPhantomSignal, .sample = subject_idx});
  AddTexture(body, options.texture, texture_rng, t1, b1000);
  PaintNodes(body, texture_rng, t1, b1000);
  PaintFindings(findings, t1, b1000);
  SmoothInPlace(t1, grid.spacing_mm, kT1BlurMm);
  SmoothInPlace(b1000, grid.spacing_mm, kB1000BlurMm);

  Rng::Key key{.seed = seed,
               .stream = Stream::kPhantomSignal,
               .epoch = repeat_idx + 1,
               .sample = subject_idx};
  Rng rng(key);
  const Shading t1_shading(rng, grid, options.bias_frac, options.gain_frac);
  const Shading b1000_shading(rng, grid, options.bias_frac, 1.5 * options.gain_frac);
  const double t1_units = kT1Units * rng.Uniform(0.75, 1.3);
  const double b1000_units = kB1000Units * rng.Uniform(0.75, 1.3);
  key.transform = 0;
  const Tensor t1_out = Receive(t1, t1_shading, options.noise_frac, t1_units, key);
  key.transform = 1 << 20;
  const Tensor b1000_out =
      Receive(b1000, b1000_shading, kB1000NoiseFactor * options.noise_frac, b1000_units, key);
  return {Volume(t1_out, grid), Volume(b1000_out, grid)};
}

}  // namespace sap::phantom
