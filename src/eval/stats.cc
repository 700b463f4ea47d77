// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sap::eval {
namespace {

std::vector<std::size_t> Order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] < values[b];
  });
  return order;
}

}  // namespace

double Quantile(std::span<const double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(rank);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(low), sorted.end());
  const double at_low = sorted[low];
  const double part = rank - static_cast<double>(low);
  if (part == 0.0) return at_low;
  const double at_high =
      *std::min_element(sorted.begin() + static_cast<std::ptrdiff_t>(low) + 1, sorted.end());
  return at_low + part * (at_high - at_low);
}

double Median(std::span<const double> values) {
  return Quantile(values, 0.5);
}

Ranks AverageRanks(std::span<const double> values) {
  const std::vector<std::size_t> order = Order(values);
  Ranks ranks{.rank = std::vector<double>(values.size())};
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const auto t = static_cast<double>(end - begin);
    ranks.tie_term += t * t * t - t;
    for (std::size_t i = begin; i < end; ++i) {
      ranks.rank[order[i]] = 0.5 * static_cast<double>(begin + end + 1);
    }
    begin = end;
  }
  return ranks;
}

std::vector<double> Bonferroni(std::span<const double> p, int64_t num_tests) {
  const double m = static_cast<double>(num_tests > 0 ? num_tests : std::ssize(p));
  std::vector<double> adjusted;
  for (const double value : p) adjusted.push_back(std::min(1.0, m * value));
  return adjusted;
}

std::vector<double> Holm(std::span<const double> p) {
  std::vector<double> adjusted(p.size());
  double running = 0;
  std::size_t left = p.size();
  for (const std::size_t i : Order(p)) {
    running = std::max(running, std::min(1.0, static_cast<double>(left--) * p[i]));
    adjusted[i] = running;
  }
  return adjusted;
}

std::string Stars(double adjusted_p) {
  return adjusted_p < 0.001 ? "***" : adjusted_p < 0.01 ? "**" : adjusted_p < 0.05 ? "*" : "n.s.";
}

}  // namespace sap::eval
