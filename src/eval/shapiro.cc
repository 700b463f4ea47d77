// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include <boost/math/distributions/normal.hpp>

#include "sap/core/error.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

using boost::math::complement;

double Polynomial(std::initializer_list<double> coefficients, double x) {
  double value = 0;
  for (auto c = std::rbegin(coefficients); c != std::rend(coefficients); ++c)
    value = value * x + *c;
  return value;
}

// Royston's weights: antisymmetric, of unit length (§2.3).
std::vector<double> Weights(std::size_t n) {
  std::vector<double> a(n);
  if (n == 3) return {-std::sqrt(0.5), 0.0, std::sqrt(0.5)};
  const boost::math::normal normal;
  double m_squared = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = quantile(normal, (static_cast<double>(i) + 0.625) / (static_cast<double>(n) + 0.25));
    m_squared += a[i] * a[i];
  }
  const double u = 1.0 / std::sqrt(static_cast<double>(n));
  const double m_last = a[n - 1];
  const double m_second = a[n - 2];
  const double length = std::sqrt(m_squared);
  const double last =
      Polynomial({m_last / length, 0.221157, -0.147981, -2.071190, 4.434685, -2.706056}, u);
  const double second =
      Polynomial({m_second / length, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633}, u);
  const bool two = n > 5;
  const double phi = (m_squared - 2 * m_last * m_last - (two ? 2 * m_second * m_second : 0.0)) /
                     (1.0 - 2 * last * last - (two ? 2 * second * second : 0.0));
  for (double& value : a) value /= std::sqrt(phi);
  a[n - 1] = last;
  a[0] = -last;
  if (two) {
    a[n - 2] = second;
    a[1] = -second;
  }
  return a;
}

double ShapiroP(double w, double one_minus_w, std::size_t count) {
  const auto n = static_cast<double>(count);
  if (count == 3) {
    const double clipped = std::clamp(w, 0.75, 1.0);
    return 1.0 - 6.0 / std::numbers::pi * std::acos(std::sqrt(clipped));
  }
  double y = std::log(one_minus_w);
  double mean = 0;
  double sd = 0;
  if (count <= 11) {
    const double gamma = -2.273 + 0.459 * n;
    // Outside the transform's range: W is smaller than any normal sample would give.
    if (y >= gamma) return 1e-99;
    y = -std::log(gamma - y);
    mean = Polynomial({0.5440, -0.39978, 0.025054, -0.0006714}, n);
    sd = std::exp(Polynomial({1.3822, -0.77857, 0.062767, -0.0020322}, n));
  } else {
    const double log_n = std::log(n);
    mean = Polynomial({-1.5861, -0.31082, -0.083751, 0.0038915}, log_n);
    sd = std::exp(Polynomial({-0.4803, -0.082676, 0.0030302}, log_n));
  }
  return cdf(complement(boost::math::normal(), (y - mean) / sd));
}

}  // namespace

ShapiroResult ShapiroWilk(std::span<const double> values) {
  const std::size_t n = values.size();
  SAP_REQUIRE(ErrorKind::kInput,
              n >= 3,
              "the Shapiro-Wilk test needs 3 values or more, {} are given; leave the test out",
              n);
  std::vector<double> x(values.begin(), values.end());
  std::sort(x.begin(), x.end());
  if (x.front() == x.back()) return {.w = 1, .p = 1, .note = "all values are equal"};
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(n);
  const std::vector<double> a = Weights(n);
  double projected = 0;
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    x[i] -= mean;
    projected += a[i] * x[i];
    squares += x[i] * x[i];
  }
  // 1 - W as a sum of squares keeps its digits where W is near 1: the weights have unit length.
  double residual = 0;
  for (std::size_t i = 0; i < n; ++i) {
    residual += (x[i] - projected * a[i]) * (x[i] - projected * a[i]);
  }
  ShapiroResult result{.w = projected * projected / squares};
  result.p = ShapiroP(result.w, residual / squares, n);
  if (n > 5000) result.note = "p is not reliable above 5000 values";
  return result;
}

}  // namespace sap::eval
