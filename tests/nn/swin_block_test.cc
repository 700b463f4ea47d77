// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/swin_block.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "nn/checkpoint.h"
#include "sap/nn/swin_unetr.h"
#include "support/grad_check.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

TEST(DropPath, DropsWholeSamplesAndScalesTheRest) {
  at::manual_seed(1);
  const Tensor x = at::ones({4000, 2, 3});
  const Tensor y = DropPath(x, 0.25, /*training=*/true);
  const Tensor first_B = y.flatten(1).select(1, 0);
  EXPECT_TRUE(y.equal(first_B.view({-1, 1, 1}).expand_as(y)));
  const Tensor is_kept = first_B.gt(0);
  EXPECT_TRUE(first_B.masked_select(is_kept).allclose(at::full({1}, 1.0 / 0.75)));
  EXPECT_NEAR(is_kept.to(at::kDouble).mean().item<double>(), 0.75, 0.03);
}

TEST(DropPath, IsIdentityInEvalAndAtRateZero) {
  const Tensor x = at::rand({3, 4});
  EXPECT_TRUE(DropPath(x, 0.9, /*training=*/false).is_same(x));
  EXPECT_TRUE(DropPath(x, 0.0, /*training=*/true).is_same(x));
}

SwinBlockOptions BlockOptions(double drop_rate) {
  SwinBlockOptions options;
  options.attention = {
      .channels = 12, .num_heads = 3, .attn_drop_rate = drop_rate, .proj_drop_rate = drop_rate};
  options.shifted = true;
  options.mlp_drop_rate = drop_rate;
  options.drop_path_rate = drop_rate;
  return options;
}

TEST(SwinBlock, IsTheTwoPublishedResiduals) {
  torch::manual_seed(4);
  const auto maps = std::make_shared<WindowMapCache>();
  SwinBlock block(BlockOptions(0.0), maps);
  const Tensor x = at::randn({2, 8, 9, 5, 12});
  const Tensor x_BVE = x.flatten(1, 3);
  const auto map = maps->Get({8, 9, 5}, true, c10::Device(at::kCPU));
  const auto children = block->named_children();
  const auto norm = [](const Tensor& t) { return at::layer_norm(t, {12}); };  // 1, 0 at the start
  const Tensor attended =
      x_BVE + children["attn"]->as<WindowAttentionImpl>()->forward(norm(x_BVE), *map);
  const Tensor expected = attended + children["mlp"]->as<MlpImpl>()->forward(norm(attended));
  EXPECT_TRUE(testing::TensorNear(block->forward(x), expected.view_as(x), 1e-6));
}

TEST(Mlp, UsesTheExactGelu) {
  torch::manual_seed(5);
  Mlp mlp(4, 0.0);
  const auto p = mlp->named_parameters();
  const Tensor x = at::randn({1, 6, 4});
  const Tensor a = at::linear(x, p["linear1.weight"], p["linear1.bias"]);
  const Tensor gelu = 0.5 * a * (1.0 + (a / std::sqrt(2.0)).erf());
  const Tensor expected = at::linear(gelu, p["linear2.weight"], p["linear2.bias"]);
  EXPECT_TRUE(testing::TensorNear(mlp->forward(x), expected, 1e-6));
}

struct Gradients {
  Tensor out;
  std::vector<Tensor> parameters;
};

// One training pass over a batch of two with every kind of dropout.
Gradients TrainOnce(bool activation_checkpointing) {
  SwinUnetrOptions options;
  options.feature_size = 12;
  options.drop_rate = 0.1;
  options.attn_drop_rate = 0.1;
  options.drop_path_rate = 0.3;
  options.activation_checkpointing = activation_checkpointing;
  torch::manual_seed(11);
  SwinUnetr network(options);
  network->train();
  Gradients result;
  result.out = network->forward(at::rand({2, 2, 64, 32, 32}));
  result.out.square().mean().backward();
  result.parameters = network->parameters();
  return result;
}

TEST(Checkpoint, GivesTheSameOutputAndGradientsWithDropout) {
  const Gradients plain = TrainOnce(false);
  const Gradients recomputed = TrainOnce(true);
  EXPECT_TRUE(plain.out.equal(recomputed.out));
  ASSERT_EQ(plain.parameters.size(), recomputed.parameters.size());
  for (std::size_t i = 0; i < plain.parameters.size(); ++i) {
    EXPECT_TRUE(
        testing::TensorNear(recomputed.parameters[i].grad(), plain.parameters[i].grad(), 1e-7));
  }
}

TEST(Checkpoint, LeavesTheGeneratorWhereThePlainRunLeavesIt) {
  const auto body = [](const Tensor& x) { return at::dropout(x, 0.5, true) * x; };
  const auto draw_after = [&body](bool recompute) {
    at::manual_seed(12);
    const Tensor x = at::ones({1000}).requires_grad_();
    (recompute ? Checkpoint(body, x) : body(x)).sum().backward();
    return at::rand({4});
  };
  EXPECT_TRUE(draw_after(true).equal(draw_after(false)));
}

TEST(Checkpoint, RunsTheBodyAgainOnlyInTheBackwardPass) {
  int num_runs = 0;
  const auto body = [&num_runs](const Tensor& x) {
    ++num_runs;
    return x * at::dropout(at::ones_like(x), 0.5, true);
  };
  const Tensor x = at::ones({1000}).requires_grad_();
  const Tensor y = Checkpoint(body, x);
  EXPECT_EQ(num_runs, 1);
  y.sum().backward();
  EXPECT_EQ(num_runs, 2);
  EXPECT_TRUE(x.grad().equal(y));  // the same mask in both runs
  const at::NoGradGuard no_grad;
  Checkpoint(body, x);
  EXPECT_EQ(num_runs, 3);
}

}  // namespace
}  // namespace sap::nn
