// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/bootstrap.h"

#include <cmath>

#include <gtest/gtest.h>

#include "sap/core/rng.h"
#include "sap/eval/burden.h"
#include "sap/eval/stats.h"
#include "support/golden.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using nlohmann::json;
using testing::GoldenNumber;
using Values = std::vector<double>;

Values Sequence(int n) {
  Values values;
  for (int i = 1; i <= n; ++i) values.push_back(i);
  return values;
}

TEST(ExactMedianInterval, Of33ValuesEndsAtRanks12And22) {
  const Interval interval = ExactMedianInterval(Sequence(33));
  EXPECT_EQ(interval.low, 12.0);
  EXPECT_EQ(interval.high, 22.0);
}

TEST(ExactMedianInterval, OfFourValuesEqualsAllResamples) {
  // 4^4 resamples, one by one.
  const Values x = {1, 2, 4, 8};
  Values medians;
  for (int code = 0; code < 256; ++code) {
    medians.push_back(Median(Values{x[static_cast<std::size_t>(code & 3)],
                                    x[static_cast<std::size_t>(code >> 2 & 3)],
                                    x[static_cast<std::size_t>(code >> 4 & 3)],
                                    x[static_cast<std::size_t>(code >> 6)]}));
  }
  std::sort(medians.begin(), medians.end());
  for (const double confidence : {0.5, 0.8, 0.9, 0.95}) {
    // The smallest value reached by at least the share (1 -+ confidence) / 2 of the resamples.
    const auto value_at = [&](double share) {
      return medians[static_cast<std::size_t>(std::ceil(share * 256 - 1e-9)) - 1];
    };
    const Interval interval = ExactMedianInterval(x, confidence);
    EXPECT_EQ(interval.low, value_at(0.5 * (1 - confidence))) << confidence;
    EXPECT_EQ(interval.high, value_at(0.5 * (1 + confidence))) << confidence;
  }
}

TEST(BootstrapInterval, StaysWithinOneRankOfTheExactInterval) {
  const Interval interval = BootstrapInterval(Sequence(33), Median, {.seed = 3});
  EXPECT_NEAR(interval.low, 12, 1);
  EXPECT_NEAR(interval.high, 22, 1);
  const Interval constant = BootstrapInterval(Values(9, 0.25), Median, {});
  EXPECT_EQ(constant.low, 0.25);
  EXPECT_EQ(constant.high, 0.25);
}

TEST(BootstrapInterval, DependsOnTheSeedAndTheMetricAlone) {
  const auto indices = [](uint64_t seed, uint64_t sample, int64_t b) {
    return ResampleIndices(20, b, {.seed = seed, .sample = sample});
  };
  EXPECT_EQ(indices(1, 2, 3), indices(1, 2, 3));
  EXPECT_NE(indices(1, 2, 3), indices(2, 2, 3));
  EXPECT_NE(indices(1, 2, 3), indices(1, 3, 3));
  EXPECT_NE(indices(1, 2, 3), indices(1, 2, 4));
}

TEST(BootstrapInterval, CoversTheMedianOfAUniformLaw) {
  int covered = 0;
  constexpr int kRepeats = 600;
  for (int r = 0; r < kRepeats; ++r) {
    Rng rng({.seed = 8, .sample = static_cast<uint64_t>(r)});
    Values values;
    for (int i = 0; i < 33; ++i) values.push_back(rng.Uniform());
    const Interval interval =
        BootstrapInterval(values, Median, {.resamples = 400, .sample = static_cast<uint64_t>(r)});
    covered += interval.low <= 0.5 && 0.5 <= interval.high ? 1 : 0;
  }
  EXPECT_GT(covered, 0.925 * kRepeats);
  EXPECT_LT(covered, 0.98 * kRepeats);
}

TEST(ClusterBootstrapInterval, IsWiderWhenAPatientsLesionsAgree) {
  std::vector<Values> patients;
  Values pooled;
  for (int p = 0; p < 12; ++p) {
    patients.push_back(Values(10, p));
    pooled.insert(pooled.end(), 10, p);
  }
  const Interval clustered = ClusterBootstrapInterval(patients, Median, {});
  const Interval naive = BootstrapInterval(pooled, Median, {});
  EXPECT_GT(clustered.high - clustered.low, 1.5 * (naive.high - naive.low));
}

TEST(ClusterBootstrapDifference, OfEqualMethodsIsZero) {
  const std::vector<Values> patients = {{1, 2}, {3}, {}, {5, 9}};
  const Interval interval = ClusterBootstrapDifference(patients, patients, Median, {});
  EXPECT_EQ(interval.low, 0.0);
  EXPECT_EQ(interval.high, 0.0);
}

TEST(StatsGolden, BootstrapAgreesWithNumpyOnTheSameIndices) {
  SAP_REQUIRE_SHARED(path, "golden/stats.json");
  const json golden = testing::ReadGoldenJson(path);
  const json& b = golden.at("bootstrap");
  const Values x = b.at("x");
  Values medians;
  for (const auto& row : b.at("indices")) {
    Values drawn;
    for (const std::size_t i : row.get<std::vector<std::size_t>>()) drawn.push_back(x[i]);
    medians.push_back(Median(drawn));
  }
  EXPECT_EQ(medians, b.at("medians").get<Values>());
  for (const auto& [key, confidence] :
       {std::pair{"median_ci95", 0.95}, std::pair{"median_ci90", 0.9}}) {
    const Interval interval = PercentileInterval(medians, confidence);
    EXPECT_NEAR(interval.low, b.at(key)[0].get<double>(), 1e-12);
    EXPECT_NEAR(interval.high, b.at(key)[1].get<double>(), 1e-12);
  }
  EXPECT_EQ(ExactMedianInterval(x).low, b.at("exact").at("lo").get<double>());
  EXPECT_EQ(ExactMedianInterval(x).high, b.at("exact").at("hi").get<double>());
  for (const auto& [name, set] : golden.at("sets").items()) {
    if (!set.contains("exact_bootstrap_median_x")) continue;
    const Interval interval = ExactMedianInterval(set.at("x").get<Values>());
    EXPECT_EQ(interval.low, set.at("exact_bootstrap_median_x").at("lo").get<double>()) << name;
    EXPECT_EQ(interval.high, set.at("exact_bootstrap_median_x").at("hi").get<double>()) << name;
  }
}

TEST(IntraclassCorrelation, OfShroutAndFleissIsPublished) {
  const IccResult r = IntraclassCorrelation(
      {{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}});
  EXPECT_NEAR(r.ms_rows, 11.2417, 1e-4);
  EXPECT_NEAR(r.ms_columns, 32.4861, 1e-4);
  EXPECT_NEAR(r.ms_error, 1.01944, 1e-5);
  EXPECT_NEAR(r.icc, 0.2897637795, 1e-10);
  EXPECT_NEAR(r.low, 0.0187865, 1e-7);
  EXPECT_NEAR(r.high, 0.7610844, 1e-7);
}

TEST(IntraclassCorrelation, OfPerfectAndConstantRatings) {
  const Values x = {1, 2, 5, 9};
  EXPECT_DOUBLE_EQ(IntraclassCorrelation(x, x).icc, 1.0);
  EXPECT_EQ(IntraclassCorrelation(x, x).low, 1.0);
  EXPECT_TRUE(std::isnan(IntraclassCorrelation(Values(4, 2.0), Values(4, 2.0)).icc));
}

TEST(StatsGolden, AgreementEqualsPingouinAndBlandAltman) {
  SAP_REQUIRE_SHARED(path, "golden/stats.json");
  const json golden = testing::ReadGoldenJson(path);
  for (const auto& [name, set] : golden.at("sets").items()) {
    const Values x = set.at("x");
    const Values y = set.at("y");
    const json& expected = set.at("icc_x_y").at("pingouin");
    const IccResult icc = IntraclassCorrelation(x, y);
    EXPECT_NEAR(icc.icc, GoldenNumber(expected.at("ICC(A,1)")), 1e-9) << name;
    EXPECT_NEAR(icc.icc_consistency, GoldenNumber(expected.at("ICC(C,1)")), 1e-9) << name;
    if (x.size() > 3) {
      EXPECT_NEAR(icc.low, GoldenNumber(expected.at("CI95")[0]), 1e-7) << name;
      EXPECT_NEAR(icc.high, GoldenNumber(expected.at("CI95")[1]), 1e-7) << name;
    } else {
      EXPECT_TRUE(std::isnan(icc.low)) << "degenerate";
    }
    const BlandAltman ba = BlandAltmanLimits(x, y);
    EXPECT_NEAR(ba.bias, GoldenNumber(set.at("bland_altman").at("bias")), 1e-12) << name;
    EXPECT_NEAR(ba.low, GoldenNumber(set.at("bland_altman").at("loa")[0]), 1e-9) << name;
    EXPECT_NEAR(ba.high, GoldenNumber(set.at("bland_altman").at("loa")[1]), 1e-9) << name;
  }
}

TEST(BcaInterval, EqualsEfronAndTibshiranisSpatialExample) {
  // "An Introduction to the Bootstrap" (1993), table 14.1 and 14.2: variance (divided by n) of 26
  // children's scores; 90 % intervals of 2000 resamples: percentile (100.8, 233.9), BCa (115.8,
  // 259.6). Other draws move the ends by a few units.
  const Values scores = {48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6,
                         0,  33, 28, 34, 4,  32, 24, 47, 41, 24, 26, 30, 41};
  const Statistic variance = [](std::span<const double> values) {
    double mean = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    double sum = 0;
    for (const double v : values) sum += (v - mean) * (v - mean);
    return sum / static_cast<double>(values.size());
  };
  EXPECT_NEAR(variance(scores), 171.5, 0.05);
  std::vector<Values> clusters;
  for (const double v : scores) clusters.push_back({v});
  const BootstrapOptions options{.resamples = 20000, .confidence = 0.9, .seed = 1};
  const Interval percentile = BootstrapInterval(scores, variance, options);
  EXPECT_NEAR(percentile.low, 100.8, 4);
  EXPECT_NEAR(percentile.high, 233.9, 4);
  const Interval bca = BcaInterval(clusters, variance, options);
  EXPECT_NEAR(bca.low, 115.8, 4);
  EXPECT_NEAR(bca.high, 259.6, 6);
}

TEST(BcaInterval, IsNothingWithoutTwoPatientsOrAnySpread) {
  EXPECT_TRUE(std::isnan(BcaInterval({{1, 2, 3}}, Median, {.resamples = 50}).low));
  const Interval constant = BcaInterval({{2}, {2}, {2}}, Median, {.resamples = 50});
  EXPECT_EQ(constant.low, 2.0);
  EXPECT_EQ(constant.high, 2.0);
}

}  // namespace
}  // namespace sap::eval
