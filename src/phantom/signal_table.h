// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "phantom/tissue.h"

namespace sap::phantom {

struct TissueSignal {
  float t1 = 0;
  float b1000 = 0;
};
using SignalTable = std::array<TissueSignal, kNumClasses>;

inline constexpr int kLargestExtraFatMm = 58;

// Noise-free signal of every class in units of subcutaneous fat on T1: one table per millimetre
// of fat added outside the atlas's skin. b1000 is fat-suppressed; brain, spleen, kidneys,
// prostate and testes stay bright, as in patients. Marrow turns from red to fatty with age.
std::vector<SignalTable> MakeSignalTables(double age_years, bool male);

// Share of fat in the marrow of a region (1-10): lowest in the axial skeleton, rising with age.
double MarrowFatFrac(int region, double age_years);

}  // namespace sap::phantom
