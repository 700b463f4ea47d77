// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "fused_test_support.h"
#include "sap/core/error.h"
#include "sap/nn/fused_ops.h"

namespace sap::nn::testing {
namespace {

class FusedConv : public EachKernelSet {};

void ExpectAgreement(int64_t in, int64_t out_channels, bool two_sources) {
  SCOPED_TRACE(fmt::format("{} -> {} two {}", in, out_channels, two_sources));
  const int64_t sources = two_sources ? 2 : 1;
  const Tensor x = at::randn({2, in, 7, 8, 5}, at::kDouble);  // odd axes cut the last tile
  const Tensor second = at::randn_like(x);
  const Tensor weight = at::randn({out_channels, in * sources, 3, 3, 3}, at::kDouble);
  const auto run = [&](at::ScalarType dtype, auto&& convolve) {
    const Tensor a = Leaf(x, dtype), b = Leaf(second, dtype), w = Leaf(weight, dtype);
    const Tensor y = convolve(a, two_sources ? std::optional<Tensor>(b) : std::nullopt, w);
    at::manual_seed(5);
    y.backward(at::randn(y.sizes(), at::kDouble).to(dtype));
    return std::array<Tensor, 4>{y, a.grad(), two_sources ? b.grad() : a.grad(), w.grad()};
  };
  const auto fused = run(at::kFloat, FusedConv3x3x3);
  const auto exact =
      run(at::kDouble, [](const Tensor& a, const std::optional<Tensor>& b, const Tensor& w) {
        return at::conv3d(b ? at::cat({a, *b}, 1) : a, w, {}, 1, 1);
      });
  for (size_t i = 0; i < fused.size(); ++i) EXPECT_LT(RelativeL2(fused[i], exact[i]), 2e-6) << i;
}

TEST_P(FusedConv, AgreesWithFloat64InOutputAndEveryGradient) {
  for (const int64_t in : {2, 4, 12, 20, 48}) {
    for (const int64_t out_channels : {5, 12, 24, 48}) {
      ExpectAgreement(in, out_channels, false);
      if (in >= 4) ExpectAgreement(in, out_channels, true);
    }
  }
}

TEST_P(FusedConv, OneTileIsEnough) {
  const Tensor x = at::randn({1, 12, 1, 2, 1});
  const Tensor weight = at::randn({12, 12, 3, 3, 3});
  EXPECT_LT(RelativeL2(FusedConv3x3x3(x, {}, weight), at::conv3d(x, weight, {}, 1, 1)), 2e-6);
}

TEST_P(FusedConv, OnlyAskedGradientsAreMade) {
  const Tensor x = at::randn({1, 12, 6, 6, 6});
  const Tensor weight = Leaf(at::randn({12, 12, 3, 3, 3}), at::kFloat);
  FusedConv3x3x3(x, {}, weight).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(x.grad().defined());
}

INSTANTIATE_TEST_SUITE_P(Kernels, FusedConv, ::testing::ValuesIn(RunnableKernels()), KernelName);

TEST(FusedConvRules, SupportNeedsFloat32ChannelsAndTiles) {
  const Tensor weight = at::randn({12, 12, 3, 3, 3});
  EXPECT_TRUE(FusedConv3x3x3Supports(at::randn({1, 12, 16, 16, 16}), {}, weight));
  EXPECT_FALSE(FusedConv3x3x3Supports(at::randn({1, 12, 6, 6, 6}), {}, weight));
  EXPECT_FALSE(
      FusedConv3x3x3Supports(at::randn({1, 12, 16, 16, 16}), {}, at::randn({12, 12, 1, 1, 1})));
}

TEST(FusedConvRules, AWeightForOtherChannelsIsOurBug) {
  EXPECT_THROW(FusedConv3x3x3(at::randn({1, 12, 4, 4, 4}), {}, at::randn({12, 24, 3, 3, 3})),
               Error);
}

}  // namespace
}  // namespace sap::nn::testing
