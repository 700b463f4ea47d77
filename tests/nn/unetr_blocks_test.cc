// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/unetr_blocks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/ops.h"
#include "sap/nn/init.h"
#include "support/grad_check.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

TEST(InstanceNormAct, ReferenceIsAtensInstanceNormAndLeakyRelu) {
  at::manual_seed(1);
  const Tensor x = at::randn({2, 3, 4, 5, 6}, at::kDouble) * 3.0 + 1.0;
  const Tensor residual = at::randn_like(x);
  const Tensor norm = at::instance_norm(x, {}, {}, {}, {}, true, 0.1, kInstanceNormEps, false);
  EXPECT_TRUE(
      testing::TensorNear(ReferenceInstanceNormAct(x, std::nullopt, kNoActivation), norm, 1e-12));
  EXPECT_TRUE(testing::TensorNear(ReferenceInstanceNormAct(x, residual, kLeakySlope),
                                  at::leaky_relu(norm + residual, 0.01),
                                  1e-12));
}

TEST(InstanceNormAct, GradientsMatchDifferences) {
  at::manual_seed(2);
  testing::ExpectGradientsMatch(
      [](const std::vector<Tensor>& in) {
        return ReferenceInstanceNormAct(in[0], in[1], kLeakySlope);
      },
      {at::randn({2, 2, 3, 4, 3}, at::kDouble), at::randn({2, 2, 3, 4, 3}, at::kDouble)});
}

TEST(InstanceNormAct, KeepsChannelsLastMemory) {
  const Tensor x = at::randn({1, 4, 3, 5, 6}).contiguous(at::MemoryFormat::ChannelsLast3d);
  const Tensor y = ReferenceInstanceNormAct(x, std::nullopt, kLeakySlope);
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast3d));
}

TEST(InstanceNormAct, FusedAndReferenceKernelsAgree) {
  at::manual_seed(3);
  const auto format = at::MemoryFormat::ChannelsLast3d;
  const Tensor data = (at::randn({2, 24, 6, 7, 8}) * 2.0 + 5.0).contiguous(format);
  const Tensor add = at::randn({2, 24, 6, 7, 8}).contiguous(format);
  const Tensor weight = at::randn({2, 24, 6, 7, 8});
  for (const double slope : {kLeakySlope, kNoActivation}) {
    const auto run = [&](Kernels kernels) {
      const Tensor x = data.clone().requires_grad_();
      const Tensor r = add.clone().requires_grad_();
      const Tensor y = ops::InstanceNormAct(x, r, slope, kernels);
      (y * weight).sum().backward();
      return std::vector<Tensor>{y.detach(), x.grad(), r.grad()};
    };
    const auto fused = run(Kernels::kFused);
    const auto reference = run(Kernels::kReference);
    for (std::size_t i = 0; i < fused.size(); ++i) {
      EXPECT_TRUE(testing::TensorNear(fused[i], reference[i], 1e-5));
    }
  }
}

TEST(UnetResBlock, HasAThirdConvolutionOnlyWhereChannelsChange) {
  EXPECT_EQ(UnetResBlock(4, 4, Kernels::kReference)->parameters().size(), 2U);
  EXPECT_EQ(UnetResBlock(4, 6, Kernels::kReference)->parameters().size(), 3U);
}

TEST(UnetResBlock, IsThePublishedSequence) {
  torch::manual_seed(4);
  UnetResBlock block(3, 5, Kernels::kReference);
  const auto w = block->named_parameters();
  const Tensor x = at::randn({2, 3, 4, 6, 5});
  const auto norm = [](const Tensor& t) {
    return at::instance_norm(t, {}, {}, {}, {}, true, 0.1, 1e-5, false);
  };
  const auto conv = [](const Tensor& t, const Tensor& weight, int64_t padding) {
    return at::conv3d(t, weight, {}, 1, padding);
  };
  Tensor y = at::leaky_relu(norm(conv(x, w["conv1.conv.weight"], 1)), 0.01);
  y = norm(conv(y, w["conv2.conv.weight"], 1)) + norm(conv(x, w["conv3.conv.weight"], 0));
  EXPECT_TRUE(testing::TensorNear(block->forward(x), at::leaky_relu(y, 0.01), 1e-5));
}

TEST(UnetrUpBlock, StacksTheUpsampledMapBeforeTheSkip) {
  torch::manual_seed(5);
  UnetrUpBlock block(6, 3, Kernels::kReference);
  const auto w = block->named_parameters();
  const Tensor x = at::randn({1, 6, 2, 3, 2});
  const Tensor skip = at::randn({1, 3, 4, 6, 4});
  const Tensor up = at::conv_transpose3d(x, w["transp_conv.conv.weight"], {}, 2);
  const auto res = block->named_children()["conv_block"]->as<UnetResBlockImpl>();
  EXPECT_TRUE(
      testing::TensorNear(block->forward(x, skip), res->forward(at::cat({up, skip}, 1)), 1e-6));
}

TEST(Init, TransposedConvolutionIsBoundedByItsOutputChannels) {
  torch::manual_seed(6);
  UnetrUpBlock block(48, 2, Kernels::kReference);
  const Tensor weight = block->named_parameters()["transp_conv.conv.weight"];
  const double bound = 1.0 / std::sqrt(2.0 * 8.0);
  EXPECT_LE(weight.abs().max().item<double>(), bound);
  EXPECT_GT(weight.abs().max().item<double>(), 0.95 * bound);
}

TEST(Init, TruncatedNormalHasTheRequestedSpreadAndStaysInside) {
  at::manual_seed(7);
  const Tensor narrow = at::zeros({100'000});
  TruncatedNormal(narrow, 0.02);
  EXPECT_NEAR(narrow.std().item<double>(), 0.02, 3e-4);
  EXPECT_NEAR(narrow.mean().item<double>(), 0.0, 3e-4);
  const Tensor wide = at::zeros({100'000});
  TruncatedNormal(wide, 2.0);
  EXPECT_LE(wide.abs().max().item<double>(), 2.0);
}

TEST(Init, ToChannelsLastKeepsValuesAndShapes) {
  UnetResBlock block(3, 5, Kernels::kReference);
  const Tensor before = block->parameters()[0].detach().clone();
  ToChannelsLast(*block);
  const Tensor after = block->parameters()[0];
  EXPECT_TRUE(after.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  EXPECT_TRUE(after.equal(before));
}

}  // namespace
}  // namespace sap::nn
