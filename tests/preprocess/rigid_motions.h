// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "sap/preprocess/register_to_t1.h"
#include "support/station_phantom.h"

// The phantom body seen by T1 and by diffusion after a known rigid motion.
namespace sap::preprocess {

// Rotation about z, then x, about the origin, and a shift.
inline RigidMap MakeMap(double z_deg, double x_deg, const XyzDouble& shift_mm) {
  const double a = z_deg * M_PI / 180;
  const double b = x_deg * M_PI / 180;
  RigidMap map;
  map.rotation = {{{std::cos(a), -std::sin(a), 0},
                   {std::cos(b) * std::sin(a), std::cos(b) * std::cos(a), -std::sin(b)},
                   {std::sin(b) * std::sin(a), std::sin(b) * std::cos(a), std::cos(b)}}};
  map.offset_mm = shift_mm;
  return map;
}

inline RigidMap Inverse(const RigidMap& map) {
  RigidMap inverse;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) inverse.rotation[r][c] = map.rotation[c][r];
  }
  const XyzDouble turned = inverse.Apply(map.offset_mm);
  inverse.offset_mm = {-turned.x, -turned.y, -turned.z};
  return inverse;
}

// Mean distance of two maps over points of the body.
inline double MeanErrorMm(const RigidMap& a, const RigidMap& b) {
  double sum = 0;
  int num = 0;
  for (const double x : {-120.0, 0.0, 120.0}) {
    for (const double y : {-80.0, 0.0, 80.0}) {
      for (const double z : {-180.0, 0.0, 180.0}) {
        const XyzDouble p = a.Apply({x, y, z});
        const XyzDouble q = b.Apply({x, y, z});
        sum += std::hypot(p.x - q.x, p.y - q.y, p.z - q.z);
        ++num;
      }
    }
  }
  return sum / num;
}

inline const Geometry kWholeBody = testing::StationGrids(1, {106, 76, 100}, {4, 4, 4}, 0, -198)[0];

// Diffusion image of the body after dwi_from_t1 moved it.
inline Volume MovedDwi(const RigidMap& dwi_from_t1, uint64_t seed, int points_per_axis = 1) {
  const RigidMap back = Inverse(dwi_from_t1);
  return testing::SamplePhantom(
      kWholeBody,
      [&](const XyzDouble& p) { return testing::PhantomDwi(back.Apply(p), 1000); },
      {.noise_sd = 5, .seed = seed, .points_per_axis = points_per_axis});
}

}  // namespace sap::preprocess
