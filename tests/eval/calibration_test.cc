// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/calibration.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/tables.h"

namespace sap::eval {
namespace {

constexpr double kStep = 6e-8;  // sums are in steps of 2^-24

TEST(Reliability, AMapThatSaysItsRatesHasNoError) {
  // Of 1000 voxels each say 0.05, 0.15, ... 0.95; just that share is lesion.
  Reliability reliability(10);
  double brier = 0;
  for (int k = 0; k < 10; ++k) {
    const double p = 0.05 + 0.1 * k;
    for (int i = 0; i < 1000; ++i) reliability.Add(p, i < 50 + 100 * k);
    brier += p * (1.0 - p) / 10.0;
  }
  EXPECT_NEAR(reliability.Ece(), 0.0, kStep);
  EXPECT_NEAR(reliability.Brier(), brier, kStep);
  EXPECT_NEAR(reliability.BaseRate(), 0.5, 1e-12);
  for (std::size_t b = 0; b < 10; ++b) {
    EXPECT_EQ(reliability.bins()[b].n, 1000);
    EXPECT_NEAR(reliability.MeanP(b), reliability.Observed(b), kStep);
  }
}

TEST(Reliability, OverconfidenceIsItsDistanceFromTheTruth) {
  Reliability reliability(15);
  for (int i = 0; i < 100; ++i) reliability.Add(0.9, i < 60);
  EXPECT_NEAR(reliability.Ece(), 0.3, kStep);
  EXPECT_NEAR(reliability.Brier(), 0.6 * 0.01 + 0.4 * 0.81, kStep);
}

TEST(Reliability, OneBelongsToTheLastBinAndLimitsToTheUpper) {
  Reliability reliability(4);
  for (const double p : {0.0, 0.25, 0.5, 1.0}) reliability.Add(p, true);
  for (const std::size_t b : {0U, 1U, 2U, 3U}) EXPECT_EQ(reliability.bins()[b].n, 1) << b;
  EXPECT_TRUE(std::isnan(Reliability(4).Ece()));
}

TEST(AddVoxels, EqualsTheLoopOverVoxelsInsideTheMask) {
  at::Generator generator = at::detail::createCPUGenerator(9);
  const Tensor p_XYZ = at::rand({70, 80, 90}, generator).pow(3);
  const Tensor lesion_XYZ = at::rand({70, 80, 90}, generator).lt(p_XYZ);
  const Tensor inside_XYZ = at::rand({70, 80, 90}, generator).lt(0.4).to(at::kShort);
  Reliability reliability(12);
  AddVoxels(p_XYZ, lesion_XYZ, inside_XYZ, reliability);
  std::vector<double> n(12, 0);
  std::vector<double> sum_p(12, 0);
  std::vector<double> sum_y(12, 0);
  double squared = 0;
  for (int64_t i = 0; i < p_XYZ.numel(); ++i) {
    if (inside_XYZ.const_data_ptr<int16_t>()[i] == 0) continue;
    const double p = p_XYZ.const_data_ptr<float>()[i];
    const double y = lesion_XYZ.const_data_ptr<bool>()[i] ? 1 : 0;
    const auto b = static_cast<std::size_t>(std::min(std::floor(p * 12), 11.0));
    n[b] += 1;
    sum_p[b] += p;
    sum_y[b] += y;
    squared += (p - y) * (p - y);
  }
  double ece = 0;
  double total = 0;
  for (std::size_t b = 0; b < 12; ++b) {
    EXPECT_EQ(reliability.bins()[b].n, n[b]);
    EXPECT_NEAR(reliability.Observed(b), sum_y[b] / n[b], 1e-12);
    EXPECT_NEAR(reliability.MeanP(b), sum_p[b] / n[b], kStep);
    ece += std::abs(sum_p[b] - sum_y[b]);
    total += n[b];
  }
  EXPECT_NEAR(reliability.Ece(), ece / total, kStep);
  EXPECT_NEAR(reliability.Brier(), squared / total, kStep);
  // A Bernoulli map is calibrated: the error is that of chance alone.
  EXPECT_LT(reliability.Ece(), 0.01);
}

TEST(AddVoxels, DoesNotDependOnHowVoxelsAreDealtOut) {
  at::Generator generator = at::detail::createCPUGenerator(2);
  const Tensor p_XYZ = at::rand({64, 64, 200}, generator);
  const Tensor lesion_XYZ = at::rand({64, 64, 200}, generator).lt(0.3);
  Reliability whole(15);
  AddVoxels(p_XYZ, lesion_XYZ, Tensor(), whole);
  EXPECT_EQ(whole.NumItems(), p_XYZ.numel());
  Reliability parts(15);
  for (const int64_t x : {40, 3, 0}) {
    const int64_t end = x == 40 ? 64 : x == 3 ? 40 : 3;
    Reliability part(15);
    AddVoxels(p_XYZ.slice(0, x, end), lesion_XYZ.slice(0, x, end), Tensor(), part);
    parts += part;
  }
  EXPECT_EQ(parts, whole);
}

TEST(AddCandidates, LeavesCandidatesOnIgnoredLesionsOut) {
  MatchResult match;
  match.lesions = {{.ignored = false}, {.ignored = true}};
  match.candidates = {{.score = 0.9, .lesions = {0, 1}},
                      {.score = 0.8, .lesions = {1}},
                      {.score = 0.7, .false_positive = true}};
  Reliability reliability(10);
  AddCandidates(match, reliability);
  EXPECT_EQ(reliability.NumItems(), 2);
  EXPECT_EQ(reliability.NumPositives(), 1);
  EXPECT_NEAR(reliability.Brier(), (0.01 + 0.49) / 2, kStep);
}

TEST(CalibrationCsv, HasEveryBinOfVoxelsAndCandidates) {
  MethodCalibration method{.method = "sap", .voxels = Reliability(2), .candidates = Reliability(2)};
  method.voxels.Add(0.25, false);
  method.candidates.Add(0.75, true);
  const auto rows = ParseCsv(CalibrationCsv({method}));
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_THAT(rows[1],
              ::testing::ElementsAre("sap", "voxel", "1", "0", "0.5", "1", "0", "0.25", "0"));
  EXPECT_THAT(rows[3],
              ::testing::ElementsAre("sap", "candidate", "1", "0", "0.5", "0", "0", "", ""));
  EXPECT_DOUBLE_EQ(CalibrationJson(method).at("candidate").at("ece"), 0.25);
  EXPECT_TRUE(CalibrationFigure({method}).files.contains("calibration.gp"));
}

}  // namespace
}  // namespace sap::eval
