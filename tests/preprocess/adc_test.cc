// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/adc.h"

#include <cmath>

#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/station_phantom.h"
#include "support/tensor_near.h"

namespace sap::preprocess {
namespace {

const Geometry kGrid = testing::StationGrids(1, {60, 44, 20}, {6, 6, 6}, 0)[0];

Tensor Signal(double b, double noise_sd = 0, double bias = 0) {
  return testing::SamplePhantom(
             kGrid,
             [b](const XyzDouble& p) { return testing::PhantomDwi(p, b); },
             {.bias = bias, .noise_sd = noise_sd, .seed = static_cast<uint64_t>(b) + 1})
      .data();
}

Tensor Truth() {
  return testing::SamplePhantom(kGrid, testing::PhantomAdcUm2PerS).data();
}

TEST(Adc, EqualsTheKnownCoefficientWithoutNoise) {
  const Tensor adc =
      AdcUm2PerS({Signal(0), Signal(50), Signal(150), Signal(1000)}, {0, 50, 150, 1000});
  EXPECT_LT(((adc - Truth()).abs() / Truth().clamp_min(1)).max().item<double>(), 1e-4);
}

TEST(Adc, EqualsTheTextbookSumsOnArbitrarySignals) {
  at::manual_seed(5);
  const std::vector<double> b = {50, 400, 900};
  std::vector<Tensor> s;
  for (int i = 0; i < 3; ++i) s.push_back(at::rand({4, 5, 6}) * 50 + 30 - 10 * i);
  const Tensor adc = AdcUm2PerS(s, b, {.max_um2_per_s = 1e6});
  const double n = 3;
  for (int64_t v = 0; v < adc.numel(); ++v) {
    double sum_b = 0, sum_y = 0, sum_by = 0, sum_bb = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double y = std::log(s[i].flatten()[v].item<double>());
      sum_b += b[i];
      sum_y += y;
      sum_by += b[i] * y;
      sum_bb += b[i] * b[i];
    }
    const double slope = (n * sum_by - sum_b * sum_y) / (n * sum_bb - sum_b * sum_b);
    const double expected = std::max(-slope * 1e6, 0.0);
    EXPECT_NEAR(adc.flatten()[v].item<double>(), expected, 1e-3 + 1e-6 * expected);
  }
}

TEST(Adc, LeavesB0OutOnlyWhereTwoOthersExist) {
  // A perfusion-like drop between 0 and 50 must not count with b0 left out.
  const Tensor b0 = Signal(0) * 1.3;
  const Tensor with_three = AdcUm2PerS({b0, Signal(50), Signal(1000)}, {0, 50, 1000});
  EXPECT_LT(((with_three - Truth()).abs() / Truth().clamp_min(1)).max().item<double>(), 1e-4);
  const Tensor with_two = AdcUm2PerS({b0, Signal(1000)}, {0, 1000});
  EXPECT_GT((with_two - Truth()).max().item<double>(), 200);
}

TEST(Adc, IsWithinTwoPercentAtSnr20WhereB1000ExceedsThreeSigma) {
  const double sigma = 12;  // cord and kidney at b 50: about 240
  const Tensor adc = AdcUm2PerS({Signal(50, sigma), Signal(1000, sigma)}, {50, 1000});
  const Tensor seen = (Signal(1000) > 3 * sigma).logical_and(Truth() > 0);
  const double bias =
      (adc.masked_select(seen).mean() / Truth().masked_select(seen).mean() - 1).item<double>();
  EXPECT_LT(std::abs(bias), 0.02);
}

TEST(Adc, IsUnchangedByACommonBiasField) {
  const Tensor plain = AdcUm2PerS({Signal(50), Signal(1000)}, {50, 1000});
  const Tensor biased = AdcUm2PerS({Signal(50, 0, 0.3), Signal(1000, 0, 0.3)}, {50, 1000});
  EXPECT_TRUE(testing::TensorNear(biased, plain, 0.2));
}

TEST(Adc, ZeroesWhatIsTooLargeAndWhatHasNoSignal) {
  const Tensor high = at::full({1, 1, 2}, 100.0);
  const Tensor low = at::full({1, 1, 2}, 1e-3);
  EXPECT_EQ(AdcUm2PerS({high, low}, {0, 1000}).abs().max().item<double>(), 0);
  const Tensor dark = at::full({1, 1, 2}, 1e-3);
  EXPECT_EQ(AdcUm2PerS({dark, dark * 0.5}, {0, 1000}).abs().max().item<double>(), 0);
}

TEST(Adc, RefusesOneBValueAndUnequalSizes) {
  EXPECT_THROW(AdcUm2PerS({at::ones({2, 2, 2}), at::ones({2, 2, 2})}, {50, 50}), Error);
  EXPECT_THROW(AdcUm2PerS({at::ones({2, 2, 2}), at::ones({2, 2, 3})}, {50, 900}), Error);
}

}  // namespace
}  // namespace sap::preprocess
