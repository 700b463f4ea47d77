// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "sap/core/rng.h"
#include "sap/phantom/body.h"

namespace sap::phantom {
namespace {

constexpr int kNumWobbleWaves = 10;

Wave DrawSpineWave(Rng& rng, double length_mm, double sideways_mm, double forward_mm) {
  return {{rng.Uniform(-sideways_mm, sideways_mm), rng.Uniform(-forward_mm, forward_mm), 0},
          {0, 0, 2 * std::numbers::pi / length_mm},
          rng.Uniform(0, 2 * std::numbers::pi)};
}

// A plane wave in a random direction. Its gradient stays well below 1, so the map is one to one.
Wave DrawWobble(Rng& rng, double amplitude_mm) {
  Wave wave;
  const double length_mm = rng.Uniform(90, 260);
  XyzDouble direction{rng.Normal(), rng.Normal(), rng.Normal()};
  const double norm =
      std::sqrt(direction.x * direction.x + direction.y * direction.y + direction.z * direction.z) +
      1e-9;
  for (std::size_t a = 0; a < 3; ++a) {
    wave.wave_number_per_mm[a] = 2 * std::numbers::pi / length_mm * direction[a] / norm;
    wave.vector_mm[a] = amplitude_mm * rng.Normal() / std::sqrt(kNumWobbleWaves / 2.0);
  }
  wave.phase_rad = rng.Uniform(0, 2 * std::numbers::pi);
  return wave;
}

}  // namespace

SubjectShape DrawShape(const Atlas& atlas,
                       const ShapeOptions& options,
                       uint64_t seed,
                       uint64_t subject_idx) {
  Rng rng({.seed = seed, .stream = Stream::kPhantomBody, .sample = subject_idx});
  SubjectShape shape;
  const auto around_one = [&](double frac) { return 1 + rng.Uniform(-frac, frac); };
  shape.height = around_one(options.height_frac);
  shape.width = std::sqrt(shape.height) * around_one(0.5 * options.girth_frac);
  shape.trunk_girth = around_one(options.girth_frac);
  shape.chest_girth = around_one(0.6 * options.girth_frac);
  shape.spine = {DrawSpineWave(rng, 1100, options.spine_mm, 0.7 * options.spine_mm),
                 DrawSpineWave(rng, 520, 0.5 * options.spine_mm, 0.4 * options.spine_mm)};
  for (std::size_t i = 0; i < atlas.bones.size(); ++i) {
    const double factor = std::exp(options.bone_size_frac * rng.Normal());
    shape.bone_scale.push_back(std::fmin(std::fmax(factor, 0.82), 1.2));
  }
  const double both = rng.Uniform(-0.25, 1.0) * options.arm_deg;
  shape.arm_right_deg = both + rng.Uniform(-0.15, 0.15) * options.arm_deg;
  shape.arm_left_deg = both + rng.Uniform(-0.15, 0.15) * options.arm_deg;
  const double fat = rng.Uniform();
  shape.fat_mm = options.fat_mm * fat * std::sqrt(fat);
  for (int i = 0; i < kNumWobbleWaves; ++i) {
    shape.wobble.push_back(DrawWobble(rng, options.wobble_mm));
  }
  for (std::size_t a = 0; a < 3; ++a) {
    shape.tilt_deg[a] = rng.Uniform(-options.tilt_deg, options.tilt_deg);
  }
  shape.mid_thigh_shift_mm = rng.Uniform(-30, 30);
  shape.age_years = rng.Uniform(45, 85);
  shape.male = rng.Bernoulli(0.8);
  return shape;
}

nlohmann::json ToJson(const SubjectShape& shape) {
  return {{"height_scale", shape.height},
          {"width_scale", shape.width},
          {"trunk_girth_scale", shape.trunk_girth},
          {"chest_girth_scale", shape.chest_girth},
          {"bone_scale", shape.bone_scale},
          {"arm_right_deg", shape.arm_right_deg},
          {"arm_left_deg", shape.arm_left_deg},
          {"fat_mm", shape.fat_mm},
          {"tilt_deg", {shape.tilt_deg.x, shape.tilt_deg.y, shape.tilt_deg.z}},
          {"age_years", shape.age_years},
          {"male", shape.male}};
}

}  // namespace sap::phantom
