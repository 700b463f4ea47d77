// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/stats.h"

#include <cmath>

#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/rng.h"
#include "support/golden.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using nlohmann::json;
using testing::GoldenNumber;
using Values = std::vector<double>;

// z_i = ((7 i^2) mod 31) + 0.1 i of the specification's table.
Values TableSample(int n) {
  Values z;
  for (int i = 0; i < n; ++i) z.push_back((7 * i * i) % 31 + 0.1 * i);
  return z;
}

// round(((a i + b) mod m) / m, 3), i = 1..33.
Values Ratios(int a, int b, int m) {
  Values x;
  for (int i = 1; i <= 33; ++i) {
    x.push_back(std::round(1000.0 * ((a * i + b) % m) / m) / 1000.0);
  }
  return x;
}

void ExpectRelative(double actual, double expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(actual, expected, tolerance * std::max(std::abs(expected), 1e-3)) << what;
}

TEST(Quantile, FollowsNumpysLinearRule) {
  const Values values = {0.8, 0.1, 0.4, 0.2};
  EXPECT_NEAR(Quantile(values, 0.25), 0.175, 1e-15);
  EXPECT_NEAR(Quantile(values, 0.5), 0.3, 1e-15);
  EXPECT_NEAR(Quantile(values, 0.75), 0.5, 1e-15);
  EXPECT_EQ(Quantile(values, 1.0), 0.8);
  EXPECT_TRUE(std::isnan(Quantile({}, 0.5)));
}

TEST(AverageRanks, GiveEqualValuesTheirMeanRank) {
  const Ranks ranks = AverageRanks(Values{3, 1, 3, 2, 3});
  EXPECT_EQ(ranks.rank, (Values{4, 1, 4, 2, 4}));
  EXPECT_EQ(ranks.tie_term, 24.0);
}

TEST(ShapiroWilk, GivesTheTableInDoublePrecision) {
  const std::vector<std::tuple<int, double, double>> table = {{3, 0.9240816200, 0.4668741953},
                                                              {4, 0.8077736439, 0.1169077889},
                                                              {5, 0.8954548382, 0.3852766472},
                                                              {6, 0.9056622768, 0.4084794261},
                                                              {11, 0.9329494616, 0.4414552443},
                                                              {12, 0.9486757038, 0.6177114988},
                                                              {20, 0.9478073518, 0.3350297623},
                                                              {50, 0.9569701190, 0.0663786180}};
  for (const auto& [n, w, p] : table) {
    const ShapiroResult result = ShapiroWilk(TableSample(n));
    EXPECT_NEAR(result.w, w, 1e-9) << n;
    EXPECT_NEAR(result.p, p, 2e-8) << n;
  }
}

TEST(ShapiroWilk, EqualValuesAreNormalWithANoteAndTwoValuesAreTooFew) {
  const ShapiroResult constant = ShapiroWilk(Values{2, 2, 2, 2});
  EXPECT_EQ(constant.w, 1.0);
  EXPECT_EQ(constant.p, 1.0);
  EXPECT_FALSE(constant.note.empty());
  EXPECT_THROW(ShapiroWilk(Values{1, 2}), Error);
}

TEST(WilcoxonSignedRank, GivesTheSpecificationsExamples) {
  const RankTest eight = WilcoxonSignedRank(Values{1, -2, 3, -4, 5, 6, 7, 8});
  EXPECT_EQ(eight.statistic, 6.0);
  EXPECT_NEAR(eight.p, 0.109375, 1e-15);
  const Values x = Ratios(37, 0, 101);
  const Values y = Ratios(53, 7, 97);
  EXPECT_NEAR(WilcoxonSignedRank(x, y).p, 0.8324509985, 1e-10);
  EXPECT_NEAR(WilcoxonSignedRank(x, y, {.rule = WilcoxonRule::kAsymptotic}).p, 0.8232647776, 1e-10);
  EXPECT_NEAR(
      WilcoxonSignedRank(x, y, {.rule = WilcoxonRule::kAsymptotic, .continuity_correction = true})
          .p,
      0.8302242643,
      1e-10);
}

// Every sign of every difference, counted one by one.
double EnumeratedP(const Values& differences) {
  Values sizes;
  double observed = 0;
  for (const double d : differences) {
    if (d != 0) sizes.push_back(std::abs(d));
  }
  const Values rank = AverageRanks(sizes).rank;
  std::size_t k = 0;
  for (const double d : differences) {
    if (d != 0) observed += d > 0 ? rank[k++] : 0 * rank[k++];
  }
  double low = 0;
  double high = 0;
  const auto count = uint32_t{1} << rank.size();
  for (uint32_t signs = 0; signs < count; ++signs) {
    double plus = 0;
    for (std::size_t i = 0; i < rank.size(); ++i) plus += (signs >> i) & 1U ? rank[i] : 0.0;
    low += plus <= observed ? 1 : 0;
    high += plus >= observed ? 1 : 0;
  }
  return std::min(1.0, 2 * std::min(low, high) / count);
}

TEST(WilcoxonSignedRank, CountsAllSignFlipsWithTies) {
  Rng rng({.seed = 5});
  for (int repeat = 0; repeat < 20; ++repeat) {
    Values d;
    for (int i = 0; i < 11; ++i) d.push_back(static_cast<double>(rng.UniformInt(-3, 6)));
    EXPECT_NEAR(WilcoxonSignedRank(d).p, EnumeratedP(d), 1e-12);
  }
}

TEST(WilcoxonSignedRank, RoundsDifferencesOfRatiosBeforeRanking) {
  // 3/7 - 2/7 and 2/7 - 1/7 differ in the last bit.
  const Values x = {3.0 / 7, 2.0 / 7, 6.0 / 7};
  const Values y = {2.0 / 7, 1.0 / 7, 5.0 / 7};
  EXPECT_EQ(WilcoxonSignedRank(x, y).method, "sign flips");
}

TEST(WilcoxonSignedRank, WithoutAnyDifferencePIsOne) {
  const RankTest test = WilcoxonSignedRank(Values(20, 0.0));
  EXPECT_EQ(test.p, 1.0);
  EXPECT_EQ(test.method, "all zero");
  EXPECT_EQ(test.n_zero, 20);
}

TEST(MannWhitneyU, GivesTheSpecificationsExamples) {
  EXPECT_NEAR(MannWhitneyU(Values{1, 2, 3, 4}, Values{5, 6, 7, 8, 9}).p, 0.0158730159, 1e-10);
  const RankTest ties = MannWhitneyU(Values{1, 2, 2, 4}, Values{2, 6, 7, 8, 9});
  EXPECT_EQ(ties.statistic, 2.0);
  EXPECT_NEAR(ties.p, 0.0616891660, 1e-10);
  const Values x = Ratios(37, 0, 101);
  const Values y = Ratios(53, 7, 97);
  EXPECT_NEAR(MannWhitneyU(x, y).p, 0.8025257204, 1e-10);
  const Values x8(x.begin(), x.begin() + 8);
  const Values y20(y.begin(), y.begin() + 20);
  EXPECT_EQ(MannWhitneyU(x8, y20).statistic, 86.0);
  EXPECT_NEAR(MannWhitneyU(x8, y20).p, 0.7841504711, 1e-10);
  EXPECT_NEAR(MannWhitneyU(x8, y20, MannWhitneyRule::kAsymptotic).p, 0.7797067612, 1e-10);
  EXPECT_EQ(MannWhitneyU(Values(5, 1.0), Values(6, 1.0)).p, 1.0);
}

TEST(Holm, StepsDownAndStaysMonotone) {
  const Values p = {0.001, 0.012, 0.03, 0.2, 0.5, 0.0004};
  const Values holm = {0.005, 0.048, 0.09, 0.4, 0.5, 0.0024};
  const Values bonferroni = {0.006, 0.072, 0.18, 1.0, 1.0, 0.0024};
  for (std::size_t i = 0; i < p.size(); ++i) {
    EXPECT_NEAR(Holm(p)[i], holm[i], 1e-15);
    EXPECT_NEAR(Bonferroni(p)[i], bonferroni[i], 1e-15);
  }
  EXPECT_DOUBLE_EQ(Bonferroni(Values{0.01}, 3)[0], 0.03);
  EXPECT_EQ(Stars(0.05), "n.s.");
  EXPECT_EQ(Stars(0.0099), "**");
}

void ExpectWilcoxon(const json& set, const std::string& name) {
  const Values d = set.at("d");
  const json& w = set.at("wilcoxon");
  const auto check = [&](const char* key, const WilcoxonOptions& options) {
    const RankTest test = WilcoxonSignedRank(d, options);
    EXPECT_NEAR(test.statistic, GoldenNumber(w.at(key).at("statistic")), 1e-9) << name << key;
    ExpectRelative(test.p, GoldenNumber(w.at(key).at("p")), 1e-9, name + key);
  };
  check("auto", {});
  check("auto_scipy_1.14", {.rule = WilcoxonRule::kAutoOld});
  check("asymptotic", {.rule = WilcoxonRule::kAsymptotic});
  check("asymptotic_correction",
        {.rule = WilcoxonRule::kAsymptotic, .continuity_correction = true});
  check("pratt_asymptotic", {.zeros = ZeroMethod::kPratt});
  if (!set.at("ties_in_abs_d")) check("exact", {.rule = WilcoxonRule::kExact});
}

TEST(StatsGolden, TestsAgreeWithScipy) {
  SAP_REQUIRE_SHARED(path, "golden/stats.json");
  const json golden = testing::ReadGoldenJson(path);
  for (const auto& [name, set] : golden.at("sets").items()) {
    for (const auto& [sample, expected] : set.at("shapiro_formula_exact_quantile").items()) {
      const ShapiroResult result = ShapiroWilk(set.at(sample).get<Values>());
      EXPECT_NEAR(result.w, GoldenNumber(expected.at("W")), 1e-12) << name << sample;
      ExpectRelative(result.p, GoldenNumber(expected.at("p")), 1e-9, name + sample);
    }
    ExpectWilcoxon(set, name);
    const Values x = set.at("x");
    const json& u = set.at("mannwhitney_x_z");
    const RankTest test = MannWhitneyU(x, set.at("z").get<Values>());
    EXPECT_NEAR(test.statistic, GoldenNumber(u.at("auto").at("U1")), 1e-9) << name;
    ExpectRelative(test.p, GoldenNumber(u.at("auto").at("p")), 1e-9, name + " U");
    const json& quantiles = set.at("quantiles");
    for (std::size_t i = 0; i < quantiles.at("q").size(); ++i) {
      EXPECT_NEAR(Quantile(x, quantiles.at("q")[i]), quantiles.at("x")[i].get<double>(), 1e-13);
    }
  }
}

}  // namespace
}  // namespace sap::eval
