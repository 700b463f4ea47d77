// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "fused_test_support.h"
#include "sap/core/error.h"
#include "sap/nn/fused_ops.h"

namespace sap::nn::testing {
namespace {

Tensor Exact(const Tensor& x, const std::optional<Tensor>& residual, double slope) {
  Tensor y = at::instance_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, false);
  if (residual) y = y + *residual;
  return slope == 1.0 ? y * 1.0 : at::leaky_relu(y, slope);
}

struct Errors {
  double out, grad_x, grad_residual;
};

Errors Compare(const Tensor& x_value,
               const Tensor& residual_value,
               bool with_residual,
               double slope,
               at::ScalarType dtype) {
  const auto maybe = [&](const Tensor& r) {
    return with_residual ? std::optional<Tensor>(r) : std::nullopt;
  };
  const Tensor x = Leaf(x_value, dtype);
  const Tensor residual = Leaf(residual_value, dtype);
  const Tensor grad = at::randn_like(x_value);
  const Tensor out = FusedInstanceNormAct(x, maybe(residual), slope);
  out.backward(grad.to(dtype));
  const Tensor exact_x = Leaf(x, at::kDouble);
  const Tensor exact_residual = Leaf(residual, at::kDouble);
  const Tensor exact = Exact(exact_x, maybe(exact_residual), slope);
  exact.backward(grad);
  EXPECT_EQ(out.scalar_type(), dtype);
  EXPECT_TRUE(out.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  return {RelativeL2(out, exact),
          RelativeL2(x.grad(), exact_x.grad()),
          with_residual ? RelativeL2(residual.grad(), exact_residual.grad()) : 0.0};
}

class FusedNorm : public EachKernelSet {};

TEST_P(FusedNorm, AgreesWithFloat64ForEveryChannelCountSlopeAndResidual) {
  for (const int64_t channels : {1, 3, 12, 24, 48, 96, 768}) {
    for (const double slope : {0.01, 1.0}) {
      for (const bool with_residual : {false, true}) {
        SCOPED_TRACE(fmt::format("C {} slope {} residual {}", channels, slope, with_residual));
        const Tensor x = at::randn({2, channels, 5, 3, 7}, at::kDouble) * 3.0 - 1.0;
        const Errors e = Compare(x, at::randn_like(x), with_residual, slope, at::kFloat);
        EXPECT_LT(e.out, 1e-6);
        EXPECT_LT(e.grad_x, 3e-6);
        EXPECT_LT(e.grad_residual, 1e-6);
      }
    }
  }
}

TEST_P(FusedNorm, GridsOfTwoVoxelsWork) {
  const Tensor x = at::randn({1, 12, 2, 1, 1}, at::kDouble);
  EXPECT_LT(Compare(x, at::randn_like(x), true, 0.01, at::kFloat).out, 1e-5);
}

TEST_P(FusedNorm, ManyRowsAreSummedWithoutLoss) {
  const Tensor x = at::randn({1, 12, 40, 40, 40}, at::kDouble) + 3.0;
  const Errors e = Compare(x, at::randn_like(x), true, 1.0, at::kFloat);
  EXPECT_LT(e.out, 1e-6);
  EXPECT_LT(e.grad_x, 3e-6);
}

TEST_P(FusedNorm, AMeanFarAboveTheSpreadLosesOnlyTheInputsOwnDigits) {
  const Tensor x = at::randn({2, 24, 8, 8, 8}, at::kDouble) + 2000.0;
  EXPECT_LT(Compare(x, x, false, 0.01, at::kFloat).out, 2e-4);  // 2000 has 1e-4 between floats
}

TEST_P(FusedNorm, ConstantChannelsGiveZero) {
  const Tensor out = FusedInstanceNormAct(at::full({1, 12, 4, 4, 4}, 7.5), {}, 0.01);
  EXPECT_EQ(out.abs().max().item<float>(), 0.0f);
}

TEST_P(FusedNorm, ContiguousInputIsConverted) {
  const Tensor x = at::randn({2, 12, 4, 6, 5});
  const Tensor last = x.contiguous(at::MemoryFormat::ChannelsLast3d);
  EXPECT_TRUE(FusedInstanceNormAct(x, {}, 0.01).equal(FusedInstanceNormAct(last, {}, 0.01)));
}

TEST_P(FusedNorm, Bfloat16AgreesWithinBfloat16) {
  const Tensor x = at::randn({2, 24, 8, 8, 8}, at::kDouble);
  const Errors e = Compare(x, at::randn_like(x), true, 0.01, at::kBFloat16);
  EXPECT_LT(e.out, 1e-2);
  EXPECT_LT(e.grad_x, 8e-2);
}

TEST_P(FusedNorm, ANanStaysVisible) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Tensor x = at::randn({1, 12, 4, 4, 4});
    x[0][5][1][2][3] = std::numeric_limits<float>::quiet_NaN();
    const Tensor out = FusedInstanceNormAct(x.to(dtype), {}, 0.01);
    EXPECT_TRUE(out.select(1, 5).isnan().all().item<bool>());
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, FusedNorm, ::testing::ValuesIn(RunnableKernels()), KernelName);

TEST(FusedNormRules, SlopesThatCannotBeInvertedAreLeftToTheReference) {
  EXPECT_FALSE(FusedInstanceNormActSupports(at::randn({1, 12, 4, 4, 4}), 0.0));
  EXPECT_FALSE(FusedInstanceNormActSupports(at::randn({1, 12, 4, 4, 4}, at::kDouble), 0.01));
}

TEST(FusedNormRules, AResidualOfAnotherShapeIsOurBug) {
  EXPECT_THROW(FusedInstanceNormAct(at::randn({1, 12, 4, 4, 4}), at::randn({1, 12, 4, 4, 5}), 0.01),
               Error);
}

}  // namespace
}  // namespace sap::nn::testing
