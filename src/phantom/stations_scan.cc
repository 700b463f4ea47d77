// SPDX-License-Identifier: Apache-2.0
#include "phantom/stations_scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "phantom/scanner.h"
#include "phantom/tissue.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"
#include "sap/image/resample.h"

namespace sap::phantom {
namespace {

constexpr double kT1NoiseUnits = 800;  // fat's T1 signal, and what noise is a fraction of
constexpr double kDwiNoiseUnits = 520;
constexpr double kAdcBlurMm = 1.7;     // as b1000 is blurred
constexpr uint64_t kScanEpoch = 1000;  // streams beside those of MakeSignals

// Apparent diffusion coefficients in body tissue [um2/s].
std::array<float, kNumClasses> AdcTable() {
  std::array<float, kNumClasses> table;
  table.fill(0);
  for (std::size_t region = 1; region <= kOtherBone; ++region) {
    table[region] = 450;
    table[kCortex + region] = 400;
  }
  for (const auto& [tissue, adc] : std::initializer_list<std::pair<Tissue, float>>{
           {kMuscle, 1450},   {kStomach, 1700}, {kLiver, 1150},      {kPancreas, 1400},
           {kBowel, 1600},    {kBlood, 1900},   {kLung, 1000},       {kBladder, 2800},
           {kProstate, 1500}, {kKidney, 1950},  {kSpleen, 850},      {kGreyMatter, 850},
           {kTrachea, 0},     {kDisc, 1500},    {kFat, 150},         {kConnective, 900},
           {kSkin, 900},      {kFluid, 2900},   {kWhiteMatter, 750}, {kCord, 950}}) {
    table[tissue] = adc;
  }
  return table;
}
constexpr float kLesionAdc = 900, kMimicAdc = 1500;

Volume AdcOf(const Body& body, const Findings& findings) {
  const auto table = AdcTable();
  const uint8_t* tissue = body.tissue.data().data_ptr<uint8_t>();
  const int16_t* mark = findings.marks_XYZ.data_ptr<int16_t>();
  Tensor adc_XYZ = at::empty(body.tissue.data().sizes(), at::kFloat);
  float* adc = adc_XYZ.data_ptr<float>();
  for (int64_t i = 0; i < adc_XYZ.numel(); ++i) {
    adc[i] = table[tissue[i]];
    if (mark[i] == 0) continue;
    const Finding& finding = findings.list[static_cast<std::size_t>(mark[i] - 1)];
    adc[i] = finding.kind == FindingKind::kLesion ? kLesionAdc : kMimicAdc;
  }
  SmoothInPlace(adc_XYZ, body.tissue.geometry().spacing_mm, kAdcBlurMm);
  return body.tissue.WithData(adc_XYZ);
}

// Coronal slices run towards the feet within the plane and backwards from plane to plane; axial
// ones backwards within the plane and headwards.
Matrix3 DirectionOf(bool diffusion, double oblique_deg) {
  const double angle = oblique_deg * std::numbers::pi / 180;
  const double c = std::cos(angle), s = std::sin(angle);
  const std::array<double, 3> back{0, c, s}, up{0, -s, c};
  Matrix3 d{};
  for (std::size_t r = 0; r < 3; ++r) {
    d[r][0] = r == 0 ? 1 : 0;
    d[r][1] = diffusion ? back[r] : -up[r];
    d[r][2] = diffusion ? up[r] : back[r];
  }
  return d;
}

// Grids of one kind of station, from below upward, over the box of `body`.
std::vector<Geometry> GridsOf(const Geometry& body, const StationOptions& options, bool diffusion) {
  const XyzDouble& spacing_mm = diffusion ? options.dwi_spacing_mm : options.t1_spacing_mm;
  const std::size_t axis_z = diffusion ? 2 : 1, axis_y = diffusion ? 1 : 2;
  const XyzDouble half_mm{0.5 * static_cast<double>(body.size_vox.x) * body.spacing_mm.x,
                          0.5 * static_cast<double>(body.size_vox.y) * body.spacing_mm.y,
                          0.5 * static_cast<double>(body.size_vox.z) * body.spacing_mm.z};
  XyzDouble middle_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    middle_vox[a] = 0.5 * static_cast<double>(body.size_vox[a] - 1);
  }
  const XyzDouble middle_mm = body.LpsFromVox(middle_vox);
  const double n = options.count;
  const double length_mm = (2 * half_mm.z + (n - 1) * options.overlap_mm) / n;
  Geometry grid;
  grid.spacing_mm = spacing_mm;
  grid.direction = DirectionOf(diffusion, options.oblique_deg);
  grid.size_vox.x = static_cast<int64_t>(std::ceil(2 * half_mm.x / spacing_mm.x));
  grid.size_vox[axis_y] = static_cast<int64_t>(std::ceil(2 * half_mm.y / spacing_mm[axis_y]));
  grid.size_vox[axis_z] =
      std::max<int64_t>(2, static_cast<int64_t>(std::ceil(length_mm / spacing_mm[axis_z])));
  const double true_length_mm = static_cast<double>(grid.size_vox[axis_z]) * spacing_mm[axis_z];
  const double step_mm = n > 1 ? (2 * half_mm.z - true_length_mm) / (n - 1) : 0;
  std::vector<Geometry> grids;
  for (int k = 0; k < options.count; ++k) {
    XyzDouble centre_mm = middle_mm;
    centre_mm.z += (k - 0.5 * (n - 1)) * step_mm;
    Geometry placed = grid;
    placed.origin_mm = {0, 0, 0};
    const XyzDouble offset_mm = placed.LpsFromVox({0.5 * static_cast<double>(grid.size_vox.x - 1),
                                                   0.5 * static_cast<double>(grid.size_vox.y - 1),
                                                   0.5 * static_cast<double>(grid.size_vox.z - 1)});
    for (std::size_t a = 0; a < 3; ++a) {
      // Scanners write micrometres; a decimal string must not round the grid.
      placed.origin_mm[a] = std::round(1000 * (centre_mm[a] - offset_mm[a])) / 1000;
    }
    grids.push_back(placed);
  }
  return grids;
}

// |signal + complex Gaussian noise|, rounded: one stream per slab, so threads do not matter.
Volume Receive(const Volume& signal, double gain, const Shading& shading, double sd, Rng::Key key) {
  const XyzInt& n = signal.geometry().size_vox;
  Tensor out_XYZ = at::empty({n.x, n.y, n.z}, at::kShort);
  const float* in = signal.data().data_ptr<float>();
  int16_t* out = out_XYZ.data_ptr<int16_t>();
  ParallelFor(n.x, 1, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      Rng::Key slab_key = key;
      slab_key.transform += static_cast<uint32_t>(x);
      Rng rng(slab_key);
      for (int64_t i = x * n.y * n.z; i < (x + 1) * n.y * n.z; ++i) {
        const int64_t y = i / n.z % n.y, z = i % n.z;
        const double real = gain * in[i] * shading.At(x, y, z) + sd * rng.Normal();
        const double value = std::hypot(real, sd * rng.Normal());
        out[i] = static_cast<int16_t>(std::min(std::round(value), 8000.0));
      }
    }
  });
  return {out_XYZ, signal.geometry()};
}

}  // namespace

StationTruth MakeTruth(const Body& body,
                       const Findings& findings,
                       const SignalOptions& signal,
                       uint64_t seed,
                       uint64_t subject_idx) {
  const SignalOptions clean{
      .noise_frac = 0, .bias_frac = 0, .gain_frac = 0, .texture = signal.texture};
  const Signals signals = MakeSignals(body, findings, clean, seed, subject_idx, /*repeat_idx=*/0);
  return {signals.t1.WithData(signals.t1.data().to(at::kFloat)),
          signals.b1000.WithData(signals.b1000.data().to(at::kFloat)),
          AdcOf(body, findings)};
}

std::vector<ScannedStation> Scan(const StationTruth& truth,
                                 const SignalOptions& signal,
                                 const StationOptions& options,
                                 uint64_t seed,
                                 uint64_t subject_idx,
                                 uint64_t repeat_idx) {
  std::vector<ScannedStation> stations;
  uint32_t stream = 0;
  for (const bool diffusion : {false, true}) {
    int station_idx = 0;
    for (const Geometry& grid : GridsOf(truth.t1.geometry(), options, diffusion)) {
      Rng::Key key{.seed = seed,
                   .stream = Stream::kPhantomSignal,
                   .epoch = kScanEpoch + repeat_idx,
                   .sample = subject_idx,
                   .transform = stream++ << 24U};
      Rng rng(key);
      ScannedStation station{.diffusion = diffusion, .station_idx = station_idx++};
      station.gain = std::exp(signal.gain_frac * rng.Normal());
      const double reach_mm = diffusion ? options.shift_mm : options.t1_shift_mm;
      Geometry seen = grid;
      for (std::size_t a = 0; a < 3; ++a) {
        station.shift_mm[a] = rng.Uniform(-reach_mm, reach_mm);
        seen.origin_mm[a] += station.shift_mm[a];
      }
      const Shading shading(rng, grid, signal.bias_frac, /*gain_frac=*/0);
      const Volume base =
          Resample(diffusion ? truth.b1000 : truth.t1, seen, Interpolation::kLinear);
      const Volume adc =
          diffusion ? Resample(truth.adc_um2_per_s, seen, Interpolation::kLinear) : Volume();
      const double sd = signal.noise_frac * (diffusion ? kDwiNoiseUnits : kT1NoiseUnits);
      for (const double b : diffusion ? options.b_s_per_mm2 : std::vector<double>{0}) {
        Tensor values_XYZ = base.data();
        // S(b) = S(1000) exp((1000 - b) ADC), so that b 1000 is the truth's own image.
        if (diffusion) values_XYZ = values_XYZ * (adc.data() * ((1000 - b) * 1e-6)).exp();
        key.transform += 1U << 16U;
        station.b_s_per_mm2 = b;
        station.image = Receive({values_XYZ, grid}, station.gain, shading, sd, key);
        stations.push_back(station);
      }
    }
  }
  return stations;
}

}  // namespace sap::phantom
