// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/math/distributions/normal.hpp>

#include "sap/eval/bootstrap.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

using Clusters = std::vector<std::vector<double>>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double StatisticOf(const Clusters& clusters,
                   const std::vector<int64_t>& indices,
                   const Statistic& statistic) {
  std::vector<double> values;
  for (const int64_t i : indices) {
    const auto& one = clusters[static_cast<std::size_t>(i)];
    values.insert(values.end(), one.begin(), one.end());
  }
  return statistic(values);
}

// Skewness of the statistic with each cluster left out once; 0 where leaving out changes nothing.
double Acceleration(const Clusters& clusters, const Statistic& statistic) {
  const int64_t n = std::ssize(clusters);
  std::vector<double> without;
  for (int64_t left_out = 0; left_out < n; ++left_out) {
    std::vector<int64_t> others;
    for (int64_t i = 0; i < n; ++i) {
      if (i != left_out) others.push_back(i);
    }
    without.push_back(StatisticOf(clusters, others, statistic));
  }
  double mean = 0;
  for (const double value : without) mean += value / static_cast<double>(n);
  double squares = 0;
  double cubes = 0;
  for (const double value : without) {
    squares += std::pow(mean - value, 2);
    cubes += std::pow(mean - value, 3);
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0.0;
}

// Share of resamples below the estimate, half of those equal to it.
double ShareBelow(const std::vector<double>& statistics, double estimate) {
  double below = 0;
  for (const double value : statistics) below += value < estimate ? 1 : value == estimate ? 0.5 : 0;
  return below / static_cast<double>(statistics.size());
}

}  // namespace

Interval BcaInterval(const Clusters& values_of_patient,
                     const Statistic& statistic,
                     const BootstrapOptions& options) {
  const int64_t n = std::ssize(values_of_patient);
  if (n < 2) return {kNaN, kNaN};
  std::vector<int64_t> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(i);
  std::vector<double> statistics;
  for (int64_t b = 0; b < options.resamples; ++b) {
    statistics.push_back(StatisticOf(values_of_patient, ResampleIndices(n, b, options), statistic));
  }
  const double share = ShareBelow(statistics, StatisticOf(values_of_patient, all, statistic));
  const double acceleration = Acceleration(values_of_patient, statistic);
  if (!(share > 0 && share < 1) || std::isnan(acceleration)) return {kNaN, kNaN};
  const boost::math::normal normal;
  const double bias = boost::math::quantile(normal, share);
  const auto end = [&](double level) {
    const double z = bias + boost::math::quantile(normal, level);
    const double corrected = boost::math::cdf(normal, bias + z / (1 - acceleration * z));
    return Quantile(statistics, corrected);
  };
  return {end(0.5 * (1 - options.confidence)), end(0.5 * (1 + options.confidence))};
}

}  // namespace sap::eval
