// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include <boost/math/distributions/normal.hpp>

#include "sap/core/error.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

constexpr double kNoTie = 1e-9;

double TwoSidedNormal(double z) {
  return std::min(1.0, 2 * cdf(complement(boost::math::normal(), z)));
}

struct SignedRanks {
  std::vector<double> ranks;  // of the pairs with a difference
  double plus = 0;            // R+
  double minus = 0;           // R-
  double tie_term = 0;        // of those pairs
  int64_t n_all = 0;
  int64_t n_zero = 0;
};

SignedRanks RankDifferences(std::span<const double> differences, ZeroMethod zeros) {
  SignedRanks result{.n_all = std::ssize(differences)};
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (const double raw : differences) {
    const double d = std::nearbyint(raw * 1e12) / 1e12;
    result.n_zero += d == 0.0 ? 1 : 0;
    if (d == 0.0 && zeros == ZeroMethod::kWilcox) continue;
    sizes.push_back(std::abs(d));
    positive.push_back(d > 0);
  }
  const Ranks ranked = AverageRanks(sizes);
  result.tie_term = ranked.tie_term;
  if (zeros == ZeroMethod::kPratt) {
    const auto t = static_cast<double>(result.n_zero);
    result.tie_term -= t * t * t - t;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0.0) continue;
    result.ranks.push_back(ranked.rank[i]);
    (positive[i] ? result.plus : result.minus) += ranked.rank[i];
  }
  return result;
}

// P of R+ at most / at least as extreme over all sign flips of `ranks`, doubled to be whole.
double SignFlipP(const std::vector<double>& ranks, double low_plus, double high_plus) {
  std::vector<double> share = {1.0};  // of 2 R+
  for (const double rank : ranks) {
    const auto step = static_cast<std::size_t>(std::llround(2 * rank));
    std::vector<double> next(share.size() + step, 0.0);
    for (std::size_t s = 0; s < share.size(); ++s) {
      next[s] += 0.5 * share[s];
      next[s + step] += 0.5 * share[s];
    }
    share = std::move(next);
  }
  double at_most = 0;
  double at_least = 0;
  for (std::size_t s = 0; s < share.size(); ++s) {
    const double plus = 0.5 * static_cast<double>(s);
    if (plus <= low_plus + kNoTie) at_most += share[s];
    if (plus >= high_plus - kNoTie) at_least += share[s];
  }
  return std::min(1.0, 2 * std::min(at_most, at_least));
}

// The law of untied ranks for a rank sum with ties, rounded to the less extreme side.
double TiesIgnoredP(const SignedRanks& r) {
  std::vector<double> untied(r.ranks.size());
  for (std::size_t i = 0; i < untied.size(); ++i) untied[i] = static_cast<double>(i + 1);
  return SignFlipP(untied, std::ceil(r.plus), std::floor(r.plus));
}

double AsymptoticP(const SignedRanks& r, const WilcoxonOptions& options) {
  const bool pratt = options.zeros == ZeroMethod::kPratt;
  const auto n = static_cast<double>(pratt ? r.n_all : std::ssize(r.ranks));
  const double zeros = pratt ? static_cast<double>(r.n_zero) : 0.0;
  const double mean = (n * (n + 1) - zeros * (zeros + 1)) / 4;
  const double variance =
      (n * (n + 1) * (2 * n + 1) - zeros * (zeros + 1) * (2 * zeros + 1)) / 24 - r.tie_term / 48;
  const double away = std::abs(r.plus - mean);
  // The correction moves half a rank towards the mean; at the mean there is nothing to move.
  const double correction = options.continuity_correction && away > 0 ? 0.5 : 0.0;
  return TwoSidedNormal((away - correction) / std::sqrt(variance));
}

std::string WilcoxonMethod(const SignedRanks& r, const WilcoxonOptions& options) {
  constexpr int64_t kMostExact = 50;
  constexpr int64_t kMostFlips = 13;
  if (r.ranks.empty()) return "all zero";
  if (options.zeros == ZeroMethod::kPratt) return "asymptotic";
  const bool ties = r.tie_term > 0;
  switch (options.rule) {
    case WilcoxonRule::kExact:
      return ties ? "sign flips" : "exact";
    case WilcoxonRule::kAsymptotic:
      return "asymptotic";
    case WilcoxonRule::kAutoOld:
      if (r.n_all > kMostExact || r.n_zero > 0) return "asymptotic";
      return ties ? "exact, ties ignored" : "exact";
    case WilcoxonRule::kAuto:
      if (r.n_all > kMostExact) return "asymptotic";
      if (!ties && r.n_zero == 0) return "exact";
      return r.n_all <= kMostFlips ? "sign flips" : "asymptotic";
  }
  return "asymptotic";
}

// Arrangements of two untied samples by U, as shares: f(n, m, u) = f(n - 1, m, u - m) +
// f(n, m - 1, u), built up over m.
std::vector<double> MannWhitneyShares(std::size_t n, std::size_t m) {
  const std::size_t size = n * m + 1;
  std::vector<std::vector<double>> share(n + 1, std::vector<double>(size, 0.0));
  for (auto& row : share) row[0] = 1.0;
  for (std::size_t j = 1; j <= m; ++j) {
    for (std::size_t i = 1; i <= n; ++i) {
      // Shares instead of counts: the last place belongs to the first sample with i / (i + j).
      const double first = static_cast<double>(i) / static_cast<double>(i + j);
      for (std::size_t u = size; u-- > 0;) {
        const double with = u >= j ? share[i - 1][u - j] : 0.0;
        share[i][u] = first * with + (1.0 - first) * share[i][u];
      }
    }
  }
  return share[n];
}

double ExactMannWhitneyP(double larger_u, std::size_t n, std::size_t m) {
  const std::vector<double> share = MannWhitneyShares(std::min(n, m), std::max(n, m));
  double at_least = 0;
  for (std::size_t u = 0; u < share.size(); ++u) {
    if (static_cast<double>(u) >= larger_u - kNoTie) at_least += share[u];
  }
  return std::min(1.0, 2 * at_least);
}

}  // namespace

RankTest WilcoxonSignedRank(std::span<const double> differences, const WilcoxonOptions& options) {
  const SignedRanks r = RankDifferences(differences, options.zeros);
  RankTest test{.statistic = std::min(r.plus, r.minus),
                .method = WilcoxonMethod(r, options),
                .n = std::ssize(r.ranks),
                .n_zero = r.n_zero};
  if (test.method == "exact" || test.method == "sign flips") {
    test.p = SignFlipP(r.ranks, r.plus, r.plus);
  } else if (test.method == "exact, ties ignored") {
    test.p = TiesIgnoredP(r);
  } else if (test.method == "asymptotic") {
    test.p = AsymptoticP(r, options);
  }
  return test;
}

RankTest WilcoxonSignedRank(std::span<const double> x,
                            std::span<const double> y,
                            const WilcoxonOptions& options) {
  SAP_CHECK(x.size() == y.size(), "{} values against {}", x.size(), y.size());
  std::vector<double> differences(x.size());
  std::transform(x.begin(), x.end(), y.begin(), differences.begin(), std::minus<>());
  return WilcoxonSignedRank(differences, options);
}

RankTest MannWhitneyU(std::span<const double> x, std::span<const double> y, MannWhitneyRule rule) {
  SAP_CHECK(!x.empty() && !y.empty(), "{} and {} values", x.size(), y.size());
  std::vector<double> both(x.begin(), x.end());
  both.insert(both.end(), y.begin(), y.end());
  const Ranks ranked = AverageRanks(both);
  const auto n1 = static_cast<double>(x.size());
  const auto n2 = static_cast<double>(y.size());
  double u1 = -n1 * (n1 + 1) / 2;
  for (std::size_t i = 0; i < x.size(); ++i) u1 += ranked.rank[i];
  const double larger_u = std::max(u1, n1 * n2 - u1);
  const bool small = std::min(x.size(), y.size()) <= 8;
  const bool exact = ranked.tie_term == 0 &&
                     (rule == MannWhitneyRule::kExact || (rule == MannWhitneyRule::kAuto && small));
  RankTest test{.statistic = u1, .method = exact ? "exact" : "asymptotic", .n = std::ssize(both)};
  if (exact) {
    test.p = ExactMannWhitneyP(larger_u, x.size(), y.size());
    return test;
  }
  const double total = n1 + n2;
  const double variance = n1 * n2 / 12 * (total + 1 - ranked.tie_term / (total * (total - 1)));
  // Nothing varies when all values are equal: p stays 1.
  if (variance > 0) test.p = TwoSidedNormal((larger_u - n1 * n2 / 2 - 0.5) / std::sqrt(variance));
  return test;
}

}  // namespace sap::eval
