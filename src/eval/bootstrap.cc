// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/math/special_functions/beta.hpp>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

// of_resample(indices) for every resample, in order, on the process's threads.
std::vector<double> Resample(
    int64_t n,
    const BootstrapOptions& options,
    const std::function<double(const std::vector<int64_t>& indices)>& of_resample) {
  std::vector<double> statistics(static_cast<std::size_t>(options.resamples));
  ParallelFor(options.resamples, 16, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      statistics[static_cast<std::size_t>(b)] = of_resample(ResampleIndices(n, b, options));
    }
  });
  return statistics;
}

std::vector<double> Gather(const std::vector<std::vector<double>>& values_of_patient,
                           const std::vector<int64_t>& indices) {
  std::vector<double> values;
  for (const int64_t i : indices) {
    const auto& of_patient = values_of_patient[static_cast<std::size_t>(i)];
    values.insert(values.end(), of_patient.begin(), of_patient.end());
  }
  return values;
}

// P(the resample's order statistic `order` (1-based) <= rank k of the sample).
double OrderStatisticCdf(int64_t n, int64_t order, int64_t k) {
  if (k <= 0) return 0.0;
  if (k >= n) return 1.0;
  return boost::math::ibeta(static_cast<double>(order),
                            static_cast<double>(n - order + 1),
                            static_cast<double>(k) / static_cast<double>(n));
}

// The bootstrap law of the median: its possible values with their probabilities, ascending.
std::vector<std::pair<double, double>> MedianLaw(const std::vector<double>& x) {
  const int64_t n = std::ssize(x);
  std::vector<std::pair<double, double>> law;
  const int64_t m = n / 2;
  if (n % 2 == 1) {
    for (int64_t k = 1; k <= n; ++k) {
      law.emplace_back(x[static_cast<std::size_t>(k - 1)],
                       OrderStatisticCdf(n, m + 1, k) - OrderStatisticCdf(n, m + 1, k - 1));
    }
    return law;
  }
  // P(exactly m draws at rank <= i with one at i, the other m at rank >= j with one at j).
  const auto power = [&](int64_t k) {
    return std::pow(static_cast<double>(k) / static_cast<double>(n), static_cast<double>(m));
  };
  const double log_choose =
      std::lgamma(static_cast<double>(n) + 1) - 2 * std::lgamma(static_cast<double>(m) + 1);
  for (int64_t i = 1; i <= n; ++i) {
    double both = OrderStatisticCdf(n, m, i) - OrderStatisticCdf(n, m, i - 1);
    for (int64_t j = i + 1; j <= n; ++j) {
      const double apart =
          std::exp(log_choose) * (power(i) - power(i - 1)) * (power(n - j + 1) - power(n - j));
      both -= apart;
      law.emplace_back(
          0.5 * (x[static_cast<std::size_t>(i - 1)] + x[static_cast<std::size_t>(j - 1)]), apart);
    }
    law.emplace_back(x[static_cast<std::size_t>(i - 1)], both);
  }
  std::sort(law.begin(), law.end());
  return law;
}

}  // namespace

std::vector<int64_t> ResampleIndices(int64_t n, int64_t resample_idx, const BootstrapOptions& o) {
  Rng rng({.seed = o.seed,
           .stream = Stream::kBootstrap,
           .epoch = static_cast<uint64_t>(resample_idx),
           .sample = o.sample});
  std::vector<int64_t> indices(static_cast<std::size_t>(n));
  for (int64_t& index : indices) index = rng.UniformInt(0, n);
  return indices;
}

Interval PercentileInterval(std::span<const double> statistics, double confidence) {
  std::vector<double> kept;
  std::copy_if(statistics.begin(), statistics.end(), std::back_inserter(kept), [](double value) {
    return !std::isnan(value);
  });
  return {Quantile(kept, 0.5 * (1 - confidence)), Quantile(kept, 0.5 * (1 + confidence))};
}

Interval BootstrapInterval(std::span<const double> values,
                           const Statistic& statistic,
                           const BootstrapOptions& options) {
  std::vector<std::vector<double>> clusters;
  for (const double value : values) clusters.push_back({value});
  return ClusterBootstrapInterval(clusters, statistic, options);
}

Interval ClusterBootstrapInterval(const std::vector<std::vector<double>>& values_of_patient,
                                  const Statistic& statistic,
                                  const BootstrapOptions& options) {
  if (values_of_patient.empty()) return kNoInterval;
  const auto of_resample = [&](const std::vector<int64_t>& indices) {
    return statistic(Gather(values_of_patient, indices));
  };
  return PercentileInterval(Resample(std::ssize(values_of_patient), options, of_resample),
                            options.confidence);
}

Interval ClusterBootstrapDifference(const std::vector<std::vector<double>>& a_of_patient,
                                    const std::vector<std::vector<double>>& b_of_patient,
                                    const Statistic& statistic,
                                    const BootstrapOptions& options) {
  SAP_CHECK(a_of_patient.size() == b_of_patient.size(),
            "{} patients against {}",
            a_of_patient.size(),
            b_of_patient.size());
  if (a_of_patient.empty()) return kNoInterval;
  const auto of_resample = [&](const std::vector<int64_t>& indices) {
    return statistic(Gather(a_of_patient, indices)) - statistic(Gather(b_of_patient, indices));
  };
  return PercentileInterval(Resample(std::ssize(a_of_patient), options, of_resample),
                            options.confidence);
}

Interval ExactMedianInterval(std::span<const double> values, double confidence) {
  if (values.empty()) return kNoInterval;
  std::vector<double> x(values.begin(), values.end());
  std::sort(x.begin(), x.end());
  Interval interval{x.back(), x.back()};
  double below = 0;
  bool found_low = false;
  for (const auto& [median, probability] : MedianLaw(x)) {
    below += probability;
    if (!found_low && below >= 0.5 * (1 - confidence)) {
      interval.low = median;
      found_low = true;
    }
    if (below >= 0.5 * (1 + confidence)) {
      interval.high = median;
      break;
    }
  }
  return interval;
}

}  // namespace sap::eval
