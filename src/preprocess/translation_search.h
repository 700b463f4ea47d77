// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sap/image/volume.h"
#include "sap/preprocess/register_stations.h"

namespace sap::preprocess {

// Correlation of two images over the fixed one's sample points as a function of a shift.
class OverlapCorrelation {
 public:
  // mask_XYZ: bool, on `fixed`; `points` at most.
  OverlapCorrelation(const Volume& fixed, const Tensor& mask_XYZ, const Volume& moving, int points);

  // Pearson's r between fixed(p) and moving(p - shift) over the points that fall inside `moving`;
  // -1 where fewer than half as many do as at identity.
  double At(const XyzDouble& shift_mm) const;
  int64_t CountAtIdentity() const { return identity_count_; }

 private:
  struct Sample {
    XyzDouble at_vox;  // in `moving`, at identity
    float value = 0;
  };
  struct Sums {
    double n = 0, f = 0, m = 0, ff = 0, mm = 0, fm = 0;
  };
  Sums SumsAt(const XyzDouble& shift_mm) const;

  Volume moving_;
  std::vector<Sample> samples_;
  int64_t identity_count_ = 0;
};

// The best shift within the options' bounds, and identity where nothing is better.
PairMotion SearchTranslation(const OverlapCorrelation& correlation,
                             const StationRegistrationOptions& options);

}  // namespace sap::preprocess
