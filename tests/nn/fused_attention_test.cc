// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "fused_test_support.h"
#include "sap/core/error.h"
#include "sap/nn/fused_ops.h"

namespace sap::nn::testing {
namespace {

// Bias rows by the arithmetic of swin_unetr §1.5, one pair at a time.
Tensor PairRows(int64_t n) {
  std::vector<int64_t> rows;
  for (int64_t p = 0; p < n; ++p) {
    for (int64_t q = 0; q < n; ++q) {
      rows.push_back((p / 49 - q / 49 + 6) * 169 + (p / 7 % 7 - q / 7 % 7 + 6) * 13 +
                     (p % 7 - q % 7 + 6));
    }
  }
  return at::tensor(rows, at::kLong);
}

Tensor Naive(const Tensor& qkv_MNE,
             const Tensor& table_Th,
             const std::optional<Tensor>& region_WN,
             int64_t h,
             const Tensor& rows) {
  const int64_t m = qkv_MNE.size(0);
  const int64_t n = qkv_MNE.size(1);
  const int64_t d = qkv_MNE.size(2) / 3 / h;
  const Tensor parts = qkv_MNE.view({m, n, 3, h, d}).permute({2, 0, 3, 1, 4});
  Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(d));
  scores = scores + table_Th.index_select(0, rows).view({n, n, h}).permute({2, 0, 1});
  if (region_WN) {
    const Tensor other = region_WN->unsqueeze(1).ne(region_WN->unsqueeze(2)).to(scores.dtype());
    scores = scores - 100.0 * other.repeat({m / region_WN->size(0), 1, 1}).unsqueeze(1);
  }
  return scores.softmax(-1).matmul(parts[2]).transpose(1, 2).reshape({m, n, h * d});
}

struct Case {
  Tensor qkv, table, grad_out;
  std::optional<Tensor> region;
  int64_t heads = 3;
};

Case MakeCase(int64_t d, int64_t n, bool with_regions) {
  Case c;
  c.qkv = at::randn({4, n, 3 * c.heads * d}, at::kDouble);
  c.table = at::randn({2197, c.heads}, at::kDouble);
  c.grad_out = at::randn({4, n, c.heads * d}, at::kDouble);
  if (with_regions) {
    c.region = at::randint(0, 3, {2, n}, at::kInt);
    c.region->select(0, 1).fill_(5);  // a window of one label takes the unmasked path
  }
  return c;
}

class FusedAttention : public EachKernelSet {};

void ExpectAgreement(const Case& c, at::ScalarType dtype, double tolerance) {
  const Tensor qkv = Leaf(c.qkv, dtype);
  const Tensor table = Leaf(c.table, at::kFloat);
  const Tensor out = FusedWindowAttention(qkv, table, c.region, c.heads, 0.0);
  out.backward(c.grad_out.to(dtype));
  const Tensor exact_qkv = Leaf(qkv, at::kDouble);
  const Tensor exact_table = Leaf(table, at::kDouble);
  const Tensor exact = Naive(exact_qkv, exact_table, c.region, c.heads, PairRows(c.qkv.size(1)));
  exact.backward(c.grad_out);
  EXPECT_EQ(out.scalar_type(), dtype);
  EXPECT_LT(RelativeL2(out, exact), tolerance);
  const auto grads = qkv.grad().chunk(3, 2);
  const auto exact_grads = exact_qkv.grad().chunk(3, 2);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(RelativeL2(grads[i], exact_grads[i]), tolerance) << "qkv"[i];
  }
  EXPECT_LT(RelativeL2(table.grad(), exact_table.grad()), tolerance) << "table";
}

TEST_P(FusedAttention, AgreesWithFloat64InOutputAndEveryGradient) {
  for (const int64_t d : {4, 8, 16}) {
    for (const int64_t n : {343, 216, 64, 61, 2}) {
      for (const bool with_regions : {false, true}) {
        SCOPED_TRACE(fmt::format("d {} N {} regions {}", d, n, with_regions));
        ExpectAgreement(MakeCase(d, n, with_regions), at::kFloat, 3e-6);
      }
    }
  }
}

TEST_P(FusedAttention, Bfloat16InputsAgreeWithinBfloat16) {
  for (const int64_t d : {4, 8, 16}) ExpectAgreement(MakeCase(d, 61, true), at::kBFloat16, 2e-2);
}

// Two windows of four: one padded at the end of every axis as a grid's last window is, one whole.
Tensor PaddingOfLastWindow() {
  Tensor padding_W777 = at::zeros({2, 7, 7, 7}, at::kByte);
  Tensor last = padding_W777[1];
  last.slice(0, 2).fill_(1);
  last.slice(1, 3).fill_(1);
  last.slice(2, 5).fill_(1);
  return padding_W777.view({2, 343});
}

TEST_P(FusedAttention, PaddingQueriesAreSkippedAndTheRestIsTheSame) {
  const Tensor padding_WN = PaddingOfLastWindow();
  const Tensor is_real_MN1 = padding_WN.repeat({2, 1}).unsqueeze(-1).eq(0);
  for (const int64_t d : {4, 16}) {
    Case c = MakeCase(d, 343, true);
    c.grad_out.mul_(is_real_MN1);  // nobody reads a padding row, so nobody differentiates it
    const auto run = [&](const std::optional<Tensor>& padding, Tensor& grad_qkv) {
      const Tensor qkv = Leaf(c.qkv, at::kFloat);
      const Tensor bias = Leaf(c.table, at::kFloat);
      const Tensor out = FusedWindowAttention(qkv, bias, c.region, c.heads, 0.0, padding);
      out.backward(c.grad_out.to(at::kFloat));
      grad_qkv = qkv.grad();
      return std::pair(out.detach(), bias.grad());
    };
    Tensor grad_whole;
    Tensor grad_skipped;
    const auto [out_whole, table_whole] = run({}, grad_whole);
    const auto [out_skipped, table_skipped] = run(padding_WN, grad_skipped);
    EXPECT_TRUE((out_whole * is_real_MN1).equal(out_skipped * is_real_MN1)) << d;
    EXPECT_TRUE(grad_whole.equal(grad_skipped)) << d;
    EXPECT_TRUE(table_whole.equal(table_skipped)) << d;
    EXPECT_EQ(out_skipped[1].slice(0, 2 * 49).abs().max().item<float>(), 0.0F) << d;
    EXPECT_GT(out_whole[1].slice(0, 2 * 49).abs().max().item<float>(), 0.0F) << d;
  }
}

TEST_P(FusedAttention, ScoresOfAnySizeDoNotOverflow) {
  Case c = MakeCase(16, 64, false);
  c.qkv.mul_(40.0);
  const Tensor out = FusedWindowAttention(c.qkv.to(at::kFloat), c.table.to(at::kFloat), {}, 3, 0.0);
  const Tensor exact = Naive(c.qkv, c.table, {}, 3, PairRows(64));
  EXPECT_LT(RelativeL2(out, exact), 1e-4);
}

TEST_P(FusedAttention, DropoutKeepsTheMean) {
  const Case c = MakeCase(8, 64, false);
  const Tensor qkv = c.qkv.to(at::kFloat);
  const Tensor table = c.table.to(at::kFloat);
  const Tensor plain = FusedWindowAttention(qkv, table, {}, 3, 0.0);
  Tensor mean = at::zeros_like(plain);
  constexpr int kDraws = 400;
  for (int i = 0; i < kDraws; ++i) mean += FusedWindowAttention(qkv, table, {}, 3, 0.3);
  EXPECT_LT(RelativeL2(mean / kDraws, plain), 0.06);
  EXPECT_GT(RelativeL2(FusedWindowAttention(qkv, table, {}, 3, 0.3), plain), 0.2);
}

TEST_P(FusedAttention, OneGeneratorStateGivesOneMask) {
  const Case c = MakeCase(4, 64, true);
  const Tensor qkv = c.qkv.to(at::kFloat);
  const auto run = [&] {
    return FusedWindowAttention(qkv, c.table.to(at::kFloat), c.region, 3, 0.2);
  };
  at::manual_seed(11);
  const Tensor first = run();
  const Tensor second = run();
  at::manual_seed(11);
  EXPECT_TRUE(run().equal(first));
  EXPECT_FALSE(second.equal(first));
}

// With the mask fixed by the seed the output is linear in v, so differences are exact in v; in q,
// k and the table they are central differences.
TEST_P(FusedAttention, BackwardUsesTheForwardMask) {
  for (const int64_t d : {4, 8, 16}) {
    const Case c = MakeCase(d, 27, true);
    const auto loss = [&](const Tensor& qkv, const Tensor& table) {
      at::manual_seed(3);
      const Tensor out = FusedWindowAttention(qkv, table, c.region, 3, 0.25);
      return (out * c.grad_out.to(at::kFloat)).sum(at::kDouble);
    };
    const Tensor qkv = Leaf(c.qkv, at::kFloat);
    const Tensor table = Leaf(c.table, at::kFloat);
    loss(qkv, table).backward();
    const double step = 1e-3;
    const Tensor way = at::randn_like(qkv);
    const Tensor table_way = at::randn_like(table);
    const double along = (qkv.grad() * way).sum(at::kDouble).item<double>() +
                         (table.grad() * table_way).sum(at::kDouble).item<double>();
    const double up =
        loss(qkv.detach() + way * step, table.detach() + table_way * step).item<double>();
    const double down =
        loss(qkv.detach() - way * step, table.detach() - table_way * step).item<double>();
    EXPECT_NEAR((up - down) / (2 * step), along, 2e-2 * std::abs(along) + 0.1) << d;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels,
                         FusedAttention,
                         ::testing::ValuesIn(RunnableKernels()),
                         KernelName);

TEST(FusedAttentionRules, WrongShapesAreOurBug) {
  const Tensor qkv = at::randn({4, 64, 144});
  EXPECT_THROW(FusedWindowAttention(qkv, at::randn({2196, 3}), {}, 3, 0.0), Error);
  EXPECT_THROW(
      FusedWindowAttention(qkv, at::randn({2197, 3}), at::zeros({3, 64}, at::kInt), 3, 0.0), Error);
}

TEST(FusedAttentionRules, OtherTypesAndHeadWidthsAreLeftToTheReference) {
  EXPECT_TRUE(FusedWindowAttentionSupports(at::randn({1, 64, 144}), 3));
  EXPECT_FALSE(FusedWindowAttentionSupports(at::randn({1, 64, 144}, at::kDouble), 3));
  EXPECT_FALSE(FusedWindowAttentionSupports(at::randn({1, 64, 108}), 3));  // d = 12
}

}  // namespace
}  // namespace sap::nn::testing
