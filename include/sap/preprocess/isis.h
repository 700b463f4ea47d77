// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/image/volume.h"

namespace sap::preprocess {

enum class GainEstimator { kMedianRatio, kAuthorMean };

struct IsisOptions {
  GainEstimator estimator = GainEstimator::kMedianRatio;
  double erode_mm = 6.0;
  int min_vox = 200;
  bool adjoining = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("estimator", estimator)
        .Help("median_ratio: median of voxel ratios; author_mean: ratio of overlap means");
    v.Field("erode", erode_mm)
        .Help("stay away from the skin by this [mm]; median_ratio only")
        .Range(0.0, 50.0);
    v.Field("min_vox", min_vox).Help("fewest overlap voxels that give a gain").AtLeast(1);
    v.Field("adjoining", adjoining)
        .Help("without overlap: compare medians of the slices on both sides of the gap");
  }
};

struct GainPair {
  int lower_idx = 0;
  int upper_idx = 0;
  int64_t num_vox = 0;  // of the overlap, on the lower station's grid; 0 = no estimate
  double ratio = 1.0;   // upper / lower before
};

struct StationGains {
  std::vector<double> gain;  // multiply each station by this; 1 for the central one
  std::vector<GainPair> pairs;
  std::vector<std::string> notices;
};

// Inter-station intensity gains of one modality (preprocessing §1.7, §4.1): every pair that
// overlaps gives a log ratio; one least-squares solution over all pairs, the station (n - 1) / 2
// fixed at 1. Stations that nothing links to the centre keep gain 1 and give a notice.
// images, masks_XYZ (bool): by ascending station.
StationGains EstimateGains(const std::vector<Volume>& images,
                           const std::vector<Tensor>& masks_XYZ,
                           const IsisOptions& options = {});

}  // namespace sap::preprocess

template <>
struct sap::EnumNames<sap::preprocess::GainEstimator> {
  static constexpr std::pair<sap::preprocess::GainEstimator, std::string_view> kNames[] = {
      {sap::preprocess::GainEstimator::kMedianRatio, "median_ratio"},
      {sap::preprocess::GainEstimator::kAuthorMean, "author_mean"}};
};
