// SPDX-License-Identifier: Apache-2.0
// Detection at every threshold of a grid, and the operating threshold (evaluation §1.5, §1.6).
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/eval/detection.h"

namespace sap::eval {

// 0.01, 0.02, ... 0.99.
std::vector<double> DefaultThresholds();

// Whether a sweep needs one pass; under other rules each threshold is matched anew.
bool SweepsInOnePass(const MatchOptions& options);

// What CountAll and CountLarge give at each threshold, ascending, in one pass: voxels enter by
// falling probability and join their neighbours' components (union-find), so that 99 thresholds
// cost about as much as two component labellings. thresholds: ascending, above 0.
std::vector<ThresholdCounts> SweepThresholds(const CaseInput& input,
                                             const std::vector<double>& thresholds,
                                             const MatchOptions& options);

// What a threshold is chosen for: the mean or median of the patients' F2, or the pooled F2.
enum class ThresholdObjective { kMean, kMedian, kPooled };

struct ThresholdChoice {
  double threshold = 0.5;
  double objective = 0;   // its value there
  int64_t num_cases = 0;  // tuning cases with a lesion
  std::vector<double> thresholds;
  std::vector<double> objectives;  // one per threshold
  std::vector<std::string> case_ids;
  std::vector<std::vector<double>> f2;  // [case][threshold]
};

// The threshold of largest objective over the tuning cases; ties go to the largest threshold.
// Throws kInput when no tuning case has a lesion.
ThresholdChoice TuneThreshold(std::size_t num_cases,
                              const CaseLoader& load,
                              const MatchOptions& options = {},
                              ThresholdObjective objective = ThresholdObjective::kMean,
                              const std::vector<double>& thresholds = DefaultThresholds());

// TuneThreshold's threshold alone.
double ChooseThreshold(std::size_t num_cases,
                       const CaseLoader& load,
                       const MatchOptions& options = {},
                       ThresholdObjective objective = ThresholdObjective::kMean);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::ThresholdObjective> {
  static constexpr std::pair<sap::eval::ThresholdObjective, std::string_view> kNames[] = {
      {sap::eval::ThresholdObjective::kMean, "mean"},
      {sap::eval::ThresholdObjective::kMedian, "median"},
      {sap::eval::ThresholdObjective::kPooled, "pooled"}};
};
