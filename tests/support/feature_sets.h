// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "sap/core/rng.h"
#include "sap/eval/features.h"

namespace sap::testing {

struct FeatureScene {
  int64_t num_patients = 10;
  int64_t vectors_per_patient = 12;  // half lesion, half healthy
  int64_t num_features = 24;
  double shift = 1.0;         // of lesions, along every fourth feature, in deviations of the noise
  double patient_part = 0.5;  // deviation of what the vectors of one patient share
  uint64_t seed = 1;
};

// Noise of deviation 1, a part that the vectors of one patient share, and a shift of lesions.
inline eval::FeatureSet MakeFeatureSet(const FeatureScene& scene) {
  const int64_t n = scene.num_patients * scene.vectors_per_patient;
  eval::FeatureSet set{.name = "made", .features_NE = at::zeros({n, scene.num_features})};
  auto value_NE = set.features_NE.accessor<float, 2>();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t patient = i / scene.vectors_per_patient;
    const bool is_lesion = i % 2 == 0;
    Rng noise({.seed = scene.seed, .sample = static_cast<uint64_t>(i)});
    Rng shared({.seed = scene.seed, .epoch = 1, .sample = static_cast<uint64_t>(patient)});
    for (int64_t e = 0; e < scene.num_features; ++e) {
      const double shift = is_lesion && e % 4 == 0 ? scene.shift : 0.0;
      value_NE[i][e] =
          static_cast<float>(noise.Normal() + scene.patient_part * shared.Normal() + shift);
    }
    set.is_lesion.push_back(is_lesion);
    set.patients.push_back(fmt::format("patient_{}", patient + 1));
  }
  return set;
}

}  // namespace sap::testing
