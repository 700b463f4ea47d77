// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/window_attention.h"

#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/ops.h"
#include "support/grad_check.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

// Check values of swin_unetr §1.5.
TEST(RelativePositionIndex, HasMonaisValues) {
  const Tensor index = RelativePositionIndex();
  const auto at_pair = [&index](int64_t p, int64_t q) { return index[p][q].item<int64_t>(); };
  EXPECT_EQ(index.sizes().vec(), (std::vector<int64_t>{343, 343}));
  EXPECT_EQ(at_pair(0, 0), 1098);
  EXPECT_EQ(at_pair(0, 1), 1097);
  EXPECT_EQ(at_pair(0, 7), 1085);
  EXPECT_EQ(at_pair(0, 49), 929);
  EXPECT_EQ(at_pair(0, 342), 0);
  EXPECT_EQ(at_pair(342, 0), 2196);
  EXPECT_EQ(at_pair(100, 200), 758);
  EXPECT_EQ(index.sum().item<int64_t>(), 129'178'602);
}

// One output row by loops: query p of window m, head h.
std::vector<double> NaiveRow(const Tensor& qkv,
                             const Tensor& table,
                             const Tensor& region,
                             int64_t heads,
                             int64_t m,
                             int64_t p,
                             int64_t h) {
  const auto x = qkv.accessor<double, 3>();
  const auto bias = table.accessor<double, 2>();
  const auto label = region.accessor<int32_t, 2>();
  const int64_t n = qkv.size(1);
  const int64_t c = qkv.size(2) / 3;
  const int64_t d = c / heads;
  const int64_t w = m % region.size(0);
  const auto digit = [](int64_t t, int64_t stride) { return t / stride % 7; };
  std::vector<double> weight(static_cast<std::size_t>(n));
  double total = 0.0;
  for (int64_t q = 0; q < n; ++q) {
    double score = 0.0;
    for (int64_t e = 0; e < d; ++e) score += x[m][p][h * d + e] * x[m][q][c + h * d + e];
    score /= std::sqrt(static_cast<double>(d));
    const int64_t row = (digit(p, 49) - digit(q, 49) + 6) * 169 +
                        (digit(p, 7) - digit(q, 7) + 6) * 13 + digit(p, 1) - digit(q, 1) + 6;
    score += bias[row][h] + (label[w][p] == label[w][q] ? 0.0 : -100.0);
    weight[static_cast<std::size_t>(q)] = std::exp(score);
    total += std::exp(score);
  }
  std::vector<double> out(static_cast<std::size_t>(d), 0.0);
  for (int64_t q = 0; q < n; ++q) {
    for (int64_t e = 0; e < d; ++e) {
      out[static_cast<std::size_t>(e)] +=
          weight[static_cast<std::size_t>(q)] / total * x[m][q][2 * c + h * d + e];
    }
  }
  return out;
}

struct Case {
  Tensor qkv;
  Tensor table;
  Tensor region;
  int64_t heads;
};

// Two samples of two windows; 30 tokens, so token numbers decode in base 7 and not 3x2x5.
Case MakeCase() {
  at::manual_seed(3);
  return {at::randn({4, 30, 3 * 8}, at::kDouble),
          at::randn({2197, 2}, at::kDouble),
          at::randint(0, 3, {2, 30}, at::kInt),
          2};
}

TEST(WindowAttention, ReferenceIsTheNaiveLoop) {
  const Case c = MakeCase();
  const Tensor out = ReferenceWindowAttention(c.qkv, c.table, c.region, c.heads, 0.0);
  for (int64_t m = 0; m < 4; ++m) {
    for (int64_t p = 0; p < 30; p += 7) {
      for (int64_t h = 0; h < c.heads; ++h) {
        const auto row = NaiveRow(c.qkv, c.table, c.region, c.heads, m, p, h);
        for (int64_t e = 0; e < 4; ++e) {
          EXPECT_NEAR(out[m][p][h * 4 + e].item<double>(), row[static_cast<std::size_t>(e)], 1e-12);
        }
      }
    }
  }
}

TEST(WindowAttention, GradientsMatchDifferences) {
  const Case c = MakeCase();
  testing::ExpectGradientsMatch(
      [&c](const std::vector<Tensor>& in) {
        return ReferenceWindowAttention(in[0], in[1], c.region, c.heads, 0.0);
      },
      {c.qkv, c.table});
}

TEST(WindowAttention, FusedAndReferenceKernelsAgree) {
  const Case c = MakeCase();
  for (const int64_t tokens : {30, 343}) {
    at::manual_seed(5);
    const Tensor qkv = at::randn({4, tokens, 3 * 48});
    const Tensor table = at::randn({2197, 3}) * 0.5;
    const Tensor region = at::randint(0, 3, {2, tokens}, at::kInt);
    const auto run = [&](Kernels kernels) {
      const Tensor x = qkv.clone().requires_grad_();
      const Tensor t = table.clone().requires_grad_();
      const Tensor y = ops::WindowAttention(x, t, region, {}, 3, 0.0, kernels);
      (y * at::arange(48).cos()).sum().backward();
      return std::vector<Tensor>{y.detach(), x.grad(), t.grad()};
    };
    const auto fused = run(Kernels::kFused);
    const auto reference = run(Kernels::kReference);
    EXPECT_TRUE(testing::TensorNear(fused[0], reference[0], 1e-5));
    EXPECT_TRUE(testing::TensorNear(fused[1], reference[1], 1e-5));
    EXPECT_TRUE(testing::TensorNear(fused[2], reference[2], 2e-4));
  }
}

// Padding tokens are zeros in front of qkv: computing them and then qkv gives the same.
TEST(WindowAttention, PaddingTokensCarryTheBiasOfQkv) {
  torch::manual_seed(1);
  WindowAttention attention(WindowAttentionOptions{.channels = 12, .num_heads = 3});
  attention->to(at::kDouble);
  const XyzInt grid = {8, 9, 5};
  const WindowMap map = BuildWindowMap(PlanWindows(grid, true), c10::Device(at::kCPU));
  const Tensor x_BVE = at::randn({2, grid.Product(), 12}, at::kDouble);
  auto parameters = attention->named_parameters();
  const Tensor x_MNE = PartitionWindows(x_BVE, at::zeros({12}, at::kDouble), map);
  const Tensor qkv_MNE = at::linear(x_MNE, parameters["qkv.weight"], parameters["qkv.bias"]);
  const Tensor mixed = ReferenceWindowAttention(
      qkv_MNE, parameters["relative_position_bias_table"], map.region_WN, 3, 0.0);
  const Tensor expected =
      ReverseWindows(at::linear(mixed, parameters["proj.weight"], parameters["proj.bias"]), map);
  EXPECT_TRUE(testing::TensorNear(attention->forward(x_BVE, map), expected, 1e-12));
}

TEST(WindowAttention, DropoutKeepsTheMeanAndActsOnlyInTraining) {
  torch::manual_seed(2);
  WindowAttention attention(
      WindowAttentionOptions{.channels = 12, .num_heads = 3, .attn_drop_rate = 0.5});
  const WindowMap map = BuildWindowMap(PlanWindows({6, 6, 6}, false), c10::Device(at::kCPU));
  const at::NoGradGuard no_grad;
  const Tensor x_BVE = at::randn({1, 216, 12});
  attention->eval();
  const Tensor expected = attention->forward(x_BVE, map);
  EXPECT_TRUE(attention->forward(x_BVE, map).equal(expected));
  attention->train();
  Tensor sum = at::zeros_like(expected);
  constexpr int kRuns = 60;
  for (int i = 0; i < kRuns; ++i) sum += attention->forward(x_BVE, map);
  EXPECT_FALSE(attention->forward(x_BVE, map).equal(expected));
  EXPECT_TRUE(testing::TensorNear(sum / kRuns, expected, 0.1));
}

}  // namespace
}  // namespace sap::nn
