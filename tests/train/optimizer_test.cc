// SPDX-License-Identifier: Apache-2.0
#include "sap/train/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/tensor_near.h"

namespace sap::train {
namespace {

using testing::TensorNear;

Tensor Leaf(const Tensor& value) {
  return value.clone().set_requires_grad(true);
}

Optimizer MakeOptimizer(const Tensor& theta, double lr, const OptimizerOptions& options) {
  return {{RateGroup{.name = "all", .base_lr = lr, .parameters = {{"theta", theta}}}}, options};
}

// swin_unetr §2.3: three steps on sum(theta^2) in float64.
TEST(Optimizer, EqualsTorchAdamWithL2) {
  Tensor theta = Leaf(at::tensor({1.0, -2.0}, at::kDouble));
  Optimizer optimizer = MakeOptimizer(theta, 1e-3, {.weight_decay = 1e-5});
  for (int step = 0; step < 3; ++step) {
    optimizer.ZeroGrad();
    theta.square().sum().backward();
    optimizer.Step(1.0);
  }
  EXPECT_TRUE(TensorNear(
      theta.detach(), at::tensor({0.9970000960651408, -1.997000047897273}, at::kDouble), 1e-14));
}

TEST(Optimizer, EqualsTorchAdamW) {
  Tensor theta = Leaf(at::tensor({1.0, -2.0}, at::kDouble));
  Optimizer optimizer =
      MakeOptimizer(theta, 1e-3, {.kind = OptimizerKind::kAdamW, .weight_decay = 0.1});
  for (int step = 0; step < 3; ++step) {
    optimizer.ZeroGrad();
    theta.square().sum().backward();
    optimizer.Step(1.0);
  }
  EXPECT_TRUE(TensorNear(
      theta.detach(), at::tensor({0.9967004357120232, -1.9964004174920307}, at::kDouble), 1e-14));
}

// The fused kernel walks raw memory: a gradient in another memory format must not be scrambled.
TEST(Optimizer, GradientInAnotherMemoryFormatGivesTheSameUpdate) {
  const Tensor value = at::rand({4, 3, 3, 3, 3});
  Tensor plain = Leaf(value);
  Tensor last = Leaf(value.contiguous(at::MemoryFormat::ChannelsLast3d));
  const Tensor grad = at::rand_like(value);
  Optimizer a = MakeOptimizer(plain, 1e-2, {});
  Optimizer b = MakeOptimizer(last, 1e-2, {});
  for (int step = 0; step < 3; ++step) {
    plain.mutable_grad() = grad.clone();
    last.mutable_grad() = grad.clone();
    a.Step(1.0);
    b.Step(1.0);
  }
  // The kernel's vector and remainder loops round differently, by an ulp.
  EXPECT_TRUE(TensorNear(last.detach().contiguous(), plain.detach(), 1e-7));
  EXPECT_FALSE(TensorNear(plain.detach(), value, 1e-3));
}

TEST(Optimizer, GroupsMoveAtTheirOwnRates) {
  Tensor slow = Leaf(at::ones({1}));
  Tensor fast = Leaf(at::ones({1}));
  Optimizer optimizer(
      {RateGroup{"encoder", 1e-3, {{"slow", slow}}}, RateGroup{"decoder", 1e-2, {{"fast", fast}}}},
      {.weight_decay = 0});
  (slow + fast).sum().backward();
  optimizer.Step(0.5);  // Adam's first step is the rate itself
  EXPECT_NEAR(slow.item<double>(), 1 - 0.5e-3, 1e-6);
  EXPECT_NEAR(fast.item<double>(), 1 - 0.5e-2, 1e-6);
}

TEST(Optimizer, ParameterWithoutGradientStays) {
  Tensor used = Leaf(at::ones({1}));
  Tensor unused = Leaf(at::ones({1}));
  Optimizer optimizer({RateGroup{"all", 1e-2, {{"used", used}, {"unused", unused}}}}, {});
  used.sum().backward();
  optimizer.Step(1.0);
  EXPECT_EQ(unused.item<double>(), 1.0);
  EXPECT_LT(used.item<double>(), 1.0);
}

TEST(Optimizer, StateContinuesBitwise) {
  const auto run = [](bool interrupt) {
    Tensor theta = Leaf(at::linspace(-1, 1, 11));
    auto optimizer = std::make_unique<Optimizer>(
        std::vector<RateGroup>{{"all", 1e-2, {{"theta", theta}}}}, OptimizerOptions{});
    for (int step = 0; step < 6; ++step) {
      if (interrupt && step == 3) {
        auto state = optimizer->State();
        for (auto& [name, tensor] : state) tensor = tensor.clone();
        optimizer = std::make_unique<Optimizer>(
            std::vector<RateGroup>{{"all", 1e-2, {{"theta", theta}}}}, OptimizerOptions{});
        optimizer->LoadState(state);
      }
      optimizer->ZeroGrad();
      theta.pow(4).sum().backward();
      optimizer->Step(1.0);
    }
    return theta.detach();
  };
  EXPECT_TRUE(at::equal(run(true), run(false)));
}

TEST(Optimizer, StateOfAnotherModelIsRefused) {
  Tensor theta = Leaf(at::ones({2}));
  Tensor other = Leaf(at::ones({3}));
  Optimizer optimizer = MakeOptimizer(theta, 1e-2, {});
  EXPECT_THROW(optimizer.LoadState(MakeOptimizer(other, 1e-2, {}).State()), Error);
}

TEST(Optimizer, ClippingScalesToTheNorm) {
  Tensor theta = Leaf(at::tensor({3.0F, 4.0F}));
  Optimizer optimizer = MakeOptimizer(theta, 1e-2, {});
  (theta.square().sum() / 2).backward();
  EXPECT_NEAR(optimizer.GradNorm(), 5.0, 1e-6);
  optimizer.ClipGradNorm(5.0, 1.0);
  EXPECT_NEAR(optimizer.GradNorm(), 1.0, 1e-5);
}

}  // namespace
}  // namespace sap::train
