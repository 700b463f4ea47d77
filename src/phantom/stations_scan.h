// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/image/volume.h"
#include "sap/phantom/body.h"
#include "sap/phantom/lesions.h"
#include "sap/phantom/mr_signal.h"
#include "sap/phantom/stations.h"

namespace sap::phantom {

// The body without anything that a scanner adds.
struct StationTruth {
  Volume t1, b1000;      // float32
  Volume adc_um2_per_s;  // float32
};

// One volume of one station as the scanner delivers it.
struct ScannedStation {
  Volume image;  // int16, values as the coil sees them
  bool diffusion = false;
  double b_s_per_mm2 = 0;
  int station_idx = 0;  // 0 = most inferior
  double gain = 1;
  XyzDouble shift_mm;  // the grid believes to be at p, and shows the truth at p + shift
};

StationTruth MakeTruth(const Body& body,
                       const Findings& findings,
                       const SignalOptions& signal,
                       uint64_t seed,
                       uint64_t subject_idx);

// All T1 stations, then all diffusion stations with their b-values. The result depends on the
// seed, subject and repeat only.
std::vector<ScannedStation> Scan(const StationTruth& truth,
                                 const SignalOptions& signal,
                                 const StationOptions& options,
                                 uint64_t seed,
                                 uint64_t subject_idx,
                                 uint64_t repeat_idx);

}  // namespace sap::phantom
