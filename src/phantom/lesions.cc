// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/lesions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "phantom/growth.h"
#include "phantom/mimics.h"
#include "phantom/tissue.h"
#include "sap/core/error.h"

namespace sap::phantom {
namespace {

constexpr int64_t kFewestVoxels = 3;  // a lesion of one voxel could not be told from noise
constexpr int kSeedAttempts = 30;
constexpr double kFullEnough = 0.9;
// Share of metastases by region 1-9: red marrow of spine and pelvis first.
constexpr std::array<double, kNumRegions> kRegionWeights = {
    0.05, 0.24, 0.22, 0.28, 0.10, 0.03, 0.03, 0.01, 0.04};

int DrawRegion(Rng& rng, const MarrowVoxels& marrow) {
  double total = 0;
  for (std::size_t r = 0; r < kRegionWeights.size(); ++r) {
    if (!marrow[r + 1].empty()) total += kRegionWeights[r];
  }
  double left = rng.Uniform() * total;
  int last = 0;
  for (std::size_t r = 0; r < kRegionWeights.size(); ++r) {
    if (marrow[r + 1].empty()) continue;
    last = static_cast<int>(r) + 1;
    left -= kRegionWeights[r];
    if (left < 0) break;
  }
  return last;
}

// b1000 = S0 exp(-b ADC) with ADC 0.6 to 1.0 um2/ms, and S0 with T2 shine-through.
void DrawSignal(Rng& rng, double subtle_frac, Finding& lesion) {
  constexpr double kBMsPerUm2 = 1.0;
  const double adc_um2_per_ms = rng.Uniform(0.6, 1.0);
  const double shine_through = rng.Uniform(1.1, 2.1);
  lesion.b1000 = shine_through * std::exp(-kBMsPerUm2 * adc_um2_per_ms);
  lesion.t1 = rng.Uniform(0.24, 0.34);
  lesion.subtle = rng.Bernoulli(subtle_frac);
  if (lesion.subtle) {
    lesion.b1000 = rng.Uniform(0.27, 0.38);
    lesion.t1 = rng.Uniform(0.32, 0.40);
  }
}

void PlaceLesion(const Body& body,
                 const Tensor& marrow_XYZ,
                 const MarrowVoxels& marrow,
                 const LesionOptions& options,
                 Rng& rng,
                 Findings& findings) {
  const Geometry& grid = body.tissue.geometry();
  Finding lesion;
  lesion.target_ml = DrawLesionVolumeMl(options, rng);
  const auto wanted =
      std::max<int64_t>(kFewestVoxels, std::llround(lesion.target_ml / grid.VoxelMl()));
  const double radius_mm =
      std::cbrt(3000.0 * static_cast<double>(wanted) * grid.VoxelMl() / (4 * std::numbers::pi));
  std::vector<int64_t> best;
  for (int attempt = 0; attempt < kSeedAttempts; ++attempt) {
    const int region = DrawRegion(rng, marrow);
    if (region == 0) return;
    const auto& seeds = marrow[static_cast<std::size_t>(region)];
    const int64_t seed =
        seeds[static_cast<std::size_t>(rng.UniformInt(0, static_cast<int64_t>(seeds.size())))];
    const IrregularShape shape(rng, PointOf(grid, seed), radius_mm);
    std::vector<int64_t> grown = Grow(shape, marrow_XYZ, findings.marks_XYZ, grid, seed, wanted);
    if (grown.size() > best.size()) {
      best = std::move(grown);
      lesion.region = region;
    }
    if (static_cast<double>(best.size()) >= kFullEnough * static_cast<double>(wanted)) break;
  }
  if (static_cast<int64_t>(best.size()) < kFewestVoxels) return;
  DrawSignal(rng, options.subtle_frac, lesion);
  AddFinding(grid, best, lesion, findings);
}

}  // namespace

Tensor Findings::LesionMaskXYZ() const {
  Tensor mask = at::zeros(marks_XYZ.sizes(), at::kByte);
  const int16_t* mark = marks_XYZ.data_ptr<int16_t>();
  uint8_t* out = mask.data_ptr<uint8_t>();
  for (int64_t i = 0; i < mask.numel(); ++i) {
    if (mark[i] == 0) continue;
    out[i] = list[static_cast<std::size_t>(mark[i] - 1)].kind == FindingKind::kLesion;
  }
  return mask;
}

int DrawLesionCount(const LesionOptions& options, uint64_t seed, uint64_t subject_idx) {
  SAP_REQUIRE(ErrorKind::kOption,
              options.min_lesions <= options.max_lesions,
              "lesions.min {} is larger than lesions.max {}",
              options.min_lesions,
              options.max_lesions);
  Rng rng({.seed = seed, .stream = Stream::kPhantomLesions, .sample = subject_idx});
  const double low = std::log(options.min_lesions), high = std::log(options.max_lesions + 1.0);
  return std::clamp(
      static_cast<int>(std::exp(rng.Uniform(low, high))), options.min_lesions, options.max_lesions);
}

double DrawLesionVolumeMl(const LesionOptions& options, Rng& rng) {
  const double volume = options.volume_median_ml * std::exp(options.volume_log_sd * rng.Normal());
  return std::min(volume, options.volume_max_ml);
}

Findings PlaceFindings(const Body& body,
                       const LesionOptions& options,
                       int num_lesions,
                       uint64_t seed,
                       uint64_t subject_idx) {
  const Tensor marrow_XYZ = body.MarrowXYZ();
  const MarrowVoxels marrow = ListMarrow(marrow_XYZ);
  Findings findings{at::zeros(marrow_XYZ.sizes(), at::kShort), {}};
  Rng rng({.seed = seed, .stream = Stream::kPhantomLesions, .sample = subject_idx, .transform = 1});
  for (int i = 0; i < num_lesions; ++i) {
    PlaceLesion(body, marrow_XYZ, marrow, options, rng, findings);
  }
  if (options.mimics) {
    Rng mimic_rng(
        {.seed = seed, .stream = Stream::kPhantomLesions, .sample = subject_idx, .transform = 2});
    PlaceMimics(body, marrow_XYZ, marrow, mimic_rng, findings);
  }
  return findings;
}

}  // namespace sap::phantom
