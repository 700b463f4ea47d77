// SPDX-License-Identifier: Apache-2.0
// Quantiles and the paper's significance tests (evaluation §2.1, §2.3-2.6). Inputs hold no NaN:
// who calls them leaves out values that are not defined, and counts those.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sap/core/enum_names.h"

namespace sap::eval {

// numpy's `linear` rule (R type 7): rank q (n - 1) of the sorted values, interpolated. NaN for no
// values. 0 <= q <= 1.
double Quantile(std::span<const double> values, double q);
double Median(std::span<const double> values);

// Ranks 1..n, the mean rank for equal values; tie_term = sum of t^3 - t over groups of t equal.
struct Ranks {
  std::vector<double> rank;
  double tie_term = 0;
};
Ranks AverageRanks(std::span<const double> values);

struct ShapiroResult {
  double w = 0;
  double p = 0;
  std::string note;  // empty, or why the p-value needs care
};
// Shapiro-Wilk by Royston's AS R94 with an exact normal quantile. Throws kInput below 3 values.
// Equal values have W = 1, p = 1 with a note; above 5000 values p carries a note.
ShapiroResult ShapiroWilk(std::span<const double> values);

struct RankTest {
  double statistic = 0;  // Wilcoxon: min(R+, R-); Mann-Whitney: U of the first sample
  double p = 1;          // two-sided
  std::string method;    // "exact", "sign flips", "exact, ties ignored", "asymptotic", "all zero"
  int64_t n = 0;         // pairs that take part; Mann-Whitney: values of both samples
  int64_t n_zero = 0;    // pairs without a difference
};

// Which law gives Wilcoxon's p: kAuto is SciPy >= 1.15 (exact without ties and zeros up to 50
// pairs, all sign flips up to 13, else asymptotic); kAutoOld is SciPy 1.10-1.14, which ignores
// ties; kExact conditions on the ranks, ties included, for any number.
enum class WilcoxonRule { kAuto, kAutoOld, kExact, kAsymptotic };
// Pairs without a difference are dropped, or keep their ranks (Pratt).
enum class ZeroMethod { kWilcox, kPratt };

struct WilcoxonOptions {
  WilcoxonRule rule = WilcoxonRule::kAuto;
  ZeroMethod zeros = ZeroMethod::kWilcox;  // kPratt is always asymptotic
  bool continuity_correction = false;
};
// Signed-rank test of paired differences. They are rounded to 12 decimals first, so that equal
// differences of ratios stay equal. All zero: p = 1.
RankTest WilcoxonSignedRank(std::span<const double> differences,
                            const WilcoxonOptions& options = {});
RankTest WilcoxonSignedRank(std::span<const double> x,
                            std::span<const double> y,
                            const WilcoxonOptions& options = {});

enum class MannWhitneyRule { kAuto, kExact, kAsymptotic };
// U of x against y. kAuto: exact when a sample has at most 8 values and nothing ties. Ties make
// kExact asymptotic. The normal law uses a continuity correction. SAP_CHECK: neither is empty.
RankTest MannWhitneyU(std::span<const double> x,
                      std::span<const double> y,
                      MannWhitneyRule rule = MannWhitneyRule::kAuto);

// min(1, m p); m = 0 takes the number of p-values.
std::vector<double> Bonferroni(std::span<const double> p, int64_t num_tests = 0);
std::vector<double> Holm(std::span<const double> p);
// "***" < 0.001, "**" < 0.01, "*" < 0.05, else "n.s.".
std::string Stars(double adjusted_p);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::WilcoxonRule> {
  static constexpr std::pair<sap::eval::WilcoxonRule, std::string_view> kNames[] = {
      {sap::eval::WilcoxonRule::kAuto, "auto"},
      {sap::eval::WilcoxonRule::kAutoOld, "scipy<=1.14"},
      {sap::eval::WilcoxonRule::kExact, "exact"},
      {sap::eval::WilcoxonRule::kAsymptotic, "asymptotic"}};
};
