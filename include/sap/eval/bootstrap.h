// SPDX-License-Identifier: Apache-2.0
// Nonparametric bootstrap intervals (evaluation §2.2).
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace sap::eval {

struct Interval {
  double low = 0;
  double high = 0;
};
inline constexpr Interval kNoInterval{std::numeric_limits<double>::quiet_NaN(),
                                      std::numeric_limits<double>::quiet_NaN()};

struct BootstrapOptions {
  int64_t resamples = 1000;
  double confidence = 0.95;
  uint64_t seed = 0;
  uint64_t sample = 0;  // a number per metric and method: their resamples are independent
};

using Statistic = std::function<double(std::span<const double> values)>;

// Indices of resample `resample_idx`, drawn uniformly from 0..n-1 with replacement; they depend on
// (seed, sample, resample_idx) alone.
std::vector<int64_t> ResampleIndices(int64_t n, int64_t resample_idx, const BootstrapOptions& o);

// Quantiles (1 -+ confidence) / 2 of the statistic over resamples, numpy's linear rule; resamples
// where the statistic is NaN are left out.
Interval PercentileInterval(std::span<const double> statistics, double confidence = 0.95);

Interval BootstrapInterval(std::span<const double> values,
                           const Statistic& statistic,
                           const BootstrapOptions& options = {});

// Patients are drawn, each with all of its values: lesions of one patient are not independent.
Interval ClusterBootstrapInterval(const std::vector<std::vector<double>>& values_of_patient,
                                  const Statistic& statistic,
                                  const BootstrapOptions& options = {});

// The same draws for two methods, statistic(a) - statistic(b): both have the same patients.
Interval ClusterBootstrapDifference(const std::vector<std::vector<double>>& a_of_patient,
                                    const std::vector<std::vector<double>>& b_of_patient,
                                    const Statistic& statistic,
                                    const BootstrapOptions& options = {});

// The limit of infinitely many resamples for the median: the smallest values whose bootstrap
// distribution function reaches (1 - confidence) / 2 and (1 + confidence) / 2. NaN for no values.
Interval ExactMedianInterval(std::span<const double> values, double confidence = 0.95);

}  // namespace sap::eval
