// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sap/image/volume.h"
#include "sap/phantom/lesions.h"

namespace sap::phantom {

// Strengths of what the scanner adds; 0 switches one off.
struct SignalOptions {
  double noise_frac = 0.02;
  double bias_frac = 0.12;
  double gain_frac = 0.10;
  double texture = 1.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("noise", noise_frac)
        .Help("standard deviation of Rician noise [fraction of fat's T1 signal]")
        .Range(0.0, 0.5);
    v.Field("bias", bias_frac).Help("smooth bias field [fraction]").Range(0.0, 0.6);
    v.Field("gain", gain_frac)
        .Help("signal step between stations and their coils [fraction]")
        .Range(0.0, 0.6);
    v.Field("texture", texture).Help("heterogeneity inside tissues, 1 = usual").Range(0.0, 3.0);
  }
};

struct Signals {
  Volume t1;     // int16, scanner units, body's grid
  Volume b1000;  // int16
};

// T1 and b1000 of a body with its findings. The texture belongs to the subject; noise, bias and
// gain to the repeat. The result does not depend on the number of threads.
Signals MakeSignals(const Body& body,
                    const Findings& findings,
                    const SignalOptions& options,
                    uint64_t seed,
                    uint64_t subject_idx,
                    uint64_t repeat_idx);

}  // namespace sap::phantom
