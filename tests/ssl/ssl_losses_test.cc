// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/ssl_losses.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ssl_golden.h"
#include "support/fill.h"
#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/grad_check.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::ssl {
namespace {

using testing::ExpectGradientsMatch;
using testing::ExpectNumber;
using testing::ExpectSummary;
using testing::TensorNear;

constexpr double kTemperature = 0.5;

Tensor FillF64(uint64_t k, at::IntArrayRef shape, double scale = 1.0) {
  return testing::FillTensor(k, shape).to(at::kDouble) * scale;
}

TEST(SslLosses, ValuesAndGradientsMatchTheReference) {
  SAP_REQUIRE_SSL_GOLDEN(golden, tensors);
  const auto& expected = golden.at("losses");
  const Tensor c1 = FillF64(3000, {4, 512}).requires_grad_();
  const Tensor c2 = FillF64(3001, {4, 512}).requires_grad_();
  const Tensor logits = FillF64(3100, {8, 4}, 3.0).requires_grad_();
  const Tensor rebuilt = FillF64(3102, {8, 2, 6, 5, 4}).requires_grad_();
  Views views;
  views.rotation_B =
      at::tensor(expected.at("rotation_labels").get<std::vector<int64_t>>(), at::kLong);
  views.target_BCXYZ = FillF64(3103, {8, 2, 6, 5, 4});
  const SslLosses losses = SslLoss({logits, at::cat({c1, c2}), rebuilt}, views, {});
  const auto check = [&](const Tensor& loss, const char* name) {
    ExpectNumber(loss.item<double>(), expected.at(name), 1e-12, 0.0, name);
  };
  check(losses.rotation, "rotation");
  check(losses.contrastive, "contrastive_ntxent_T0.5");
  check(losses.reconstruction, "reconstruction_l1");
  check(losses.total, "total");
  losses.total.backward();
  const auto whole = [&](const char* name) { return testing::GoldenTensor(tensors, name); };
  EXPECT_TRUE(TensorNear(logits.grad(), whole("loss.grad_rotation"), 1e-12));
  EXPECT_TRUE(TensorNear(c1.grad(), whole("loss.grad_c1"), 1e-12));
  EXPECT_TRUE(TensorNear(c2.grad(), whole("loss.grad_c2"), 1e-12));
  ExpectSummary(rebuilt.grad(), expected.at("grad_reconstruction"), 1e-12, "grad_reconstruction");
}

TEST(NtXent, EveryCaseMatchesTheReference) {
  SAP_REQUIRE_SSL_GOLDEN(golden, tensors);
  for (const auto& entry : golden.at("losses").at("ntxent_cases")) {
    const int64_t n = entry.at("n");
    const double scale = std::stod(entry.at("c1").get<std::string>());
    const auto k = static_cast<uint64_t>(n);
    const Tensor c1 = FillF64(3200 + k, {n, 512}, scale);
    Tensor c2 = FillF64(3300 + k, {n, 512});
    if (entry.at("c2").get<std::string>().ends_with("+ c1")) c2 = c2 * 0.5 + c1;
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
      const Tensor a = c1.to(dtype).detach().clone().requires_grad_();
      const Tensor b = c2.to(dtype).detach().clone().requires_grad_();
      const Tensor loss = NtXentLoss(a, b, kTemperature);
      loss.backward();
      const std::string what = "n = " + std::to_string(n);
      const bool exact = dtype == at::kDouble;
      ExpectNumber(loss.item<double>(), entry.at("loss"), exact ? 1e-12 : 1e-6, 0.0, what);
      ExpectSummary(a.grad(), entry.at("grad_c1"), exact ? 1e-12 : 1e-8, what + " c1");
      ExpectSummary(b.grad(), entry.at("grad_c2"), exact ? 1e-12 : 1e-8, what + " c2");
    }
  }
}

// swin_unetr §4.3: v is not rounded to float32 there.
TEST(NtXent, MeetsTheAnchorOfTheSpecification) {
  const auto unrounded = [](uint64_t k) {
    const Tensor tensor = at::empty({4, 512}, at::kDouble);
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      tensor.mutable_data_ptr<double>()[i] = testing::FillV(k, static_cast<uint64_t>(i));
    }
    return tensor;
  };
  EXPECT_NEAR(NtXentLoss(unrounded(3000), unrounded(3001), kTemperature).item<double>(),
              1.955035819262,
              1e-12);
}

// The formula, one row and one pair at a time.
double NaiveNtXent(const Tensor& first, const Tensor& second, double t, const Tensor& others) {
  const Tensor rows = at::cat({first, second, others});
  const int64_t n = first.size(0);
  const auto similarity = [&](int64_t i, int64_t k) {
    return (rows[i].dot(rows[k]) / (rows[i].norm() * rows[k].norm())).item<double>() / t;
  };
  double sum = 0;
  for (int64_t i = 0; i < 2 * n; ++i) {
    double denominator = 0;
    for (int64_t k = 0; k < rows.size(0); ++k) {
      if (k != i) denominator += std::exp(similarity(i, k));
    }
    sum -= similarity(i, i < n ? i + n : i - n) - std::log(denominator);
  }
  return sum / static_cast<double>(2 * n);
}

TEST(NtXent, IsTheFormulaAtAnyTemperatureWithAndWithoutOthers) {
  at::manual_seed(1);
  const Tensor first = at::randn({3, 6}, at::kDouble);
  const Tensor second = at::randn({3, 6}, at::kDouble);
  const Tensor others = at::randn({4, 6}, at::kDouble);
  for (const double t : {0.1, 0.5, 2.0}) {
    EXPECT_NEAR(NtXentLoss(first, second, t).item<double>(),
                NaiveNtXent(first, second, t, at::empty({0, 6}, at::kDouble)),
                1e-12);
    EXPECT_NEAR(NtXentLoss(first, second, t, others).item<double>(),
                NaiveNtXent(first, second, t, others),
                1e-12);
  }
}

TEST(NtXent, OneCropGivesExactlyNothing) {
  const Tensor a = FillF64(1, {1, 512}).to(at::kFloat).requires_grad_();
  const Tensor b = FillF64(2, {1, 512}).to(at::kFloat).requires_grad_();
  const Tensor loss = NtXentLoss(a, b, kTemperature);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0.0);
  EXPECT_EQ(a.grad().abs().max().item<double>(), 0.0);
}

TEST(NtXent, MeanOverProcessesThatGatheredIsTheLossOfTheWholeBatch) {
  at::manual_seed(2);
  const Tensor first = at::randn({4, 6}, at::kDouble);
  const Tensor second = at::randn({4, 6}, at::kDouble);
  const auto part = [&](int64_t mine, int64_t other) {
    const auto rows = [](const Tensor& x, int64_t rank) { return x.narrow(0, 2 * rank, 2); };
    return NtXentLoss(rows(first, mine),
                      rows(second, mine),
                      kTemperature,
                      at::cat({rows(first, other), rows(second, other)}));
  };
  EXPECT_TRUE(
      TensorNear((part(0, 1) + part(1, 0)) / 2.0, NtXentLoss(first, second, kTemperature), 1e-12));
}

TEST(NtXent, GradientsMatchDifferences) {
  at::manual_seed(3);
  ExpectGradientsMatch(
      [](const std::vector<Tensor>& in) { return NtXentLoss(in[0], in[1], kTemperature, in[2]); },
      {at::randn({3, 5}, at::kDouble),
       at::randn({3, 5}, at::kDouble),
       at::randn({2, 5}, at::kDouble)});
}

TEST(ReconstructionLoss, CountsAllVoxelsOrOnlyTheMaskedOnes) {
  at::manual_seed(4);
  const Tensor rebuilt = at::randn({2, 3, 4, 5, 6}, at::kDouble);
  const Tensor target = at::randn({2, 3, 4, 5, 6}, at::kDouble);
  const Tensor mask = at::rand({2, 4, 5, 6}).lt(0.3);
  const Tensor error = (rebuilt - target).abs();
  EXPECT_TRUE(TensorNear(ReconstructionLoss(rebuilt, target), error.mean(), 1e-14));
  const Tensor masked = error.masked_select(mask.unsqueeze(1).expand_as(error)).mean();
  EXPECT_TRUE(TensorNear(ReconstructionLoss(rebuilt, target, mask), masked, 1e-14));
  EXPECT_EQ(ReconstructionLoss(rebuilt, target, at::zeros_like(mask)).item<double>(), 0.0);
}

TEST(ReconstructionLoss, MaskedGradientsMatchDifferences) {
  at::manual_seed(5);
  const Tensor target = at::randn({2, 2, 3, 2, 2}, at::kDouble);
  const Tensor mask = at::rand({2, 3, 2, 2}).lt(0.5);
  ExpectGradientsMatch(
      [&](const std::vector<Tensor>& in) { return ReconstructionLoss(in[0], target, mask); },
      {at::randn({2, 2, 3, 2, 2}, at::kDouble)});
}

TEST(SslLosses, TotalIsTheWeightedSumAndPartsCarryNoGradient) {
  at::manual_seed(6);
  const SslOutput output = {at::randn({4, 4}).requires_grad_(),
                            at::randn({4, 512}).requires_grad_(),
                            at::randn({4, 2, 3, 4, 4}).requires_grad_()};
  Views views;
  views.rotation_B = at::tensor({0, 3, 1, 2}, at::kLong);
  views.target_BCXYZ = at::randn({4, 2, 3, 4, 4});
  views.mask_BXYZ = at::rand({4, 3, 4, 4}).lt(0.5);
  SslLossOptions options{.rotation_weight = 0.5,
                         .contrastive_weight = 2.0,
                         .reconstruction_weight = 3.0,
                         .temperature = 0.3,
                         .masked_only = true};
  const SslLosses losses = SslLoss(output, views, options);
  EXPECT_TRUE(losses.total.requires_grad());
  EXPECT_FALSE(losses.contrastive.requires_grad());
  EXPECT_TRUE(
      TensorNear(losses.total,
                 0.5 * losses.rotation + 2.0 * losses.contrastive + 3.0 * losses.reconstruction,
                 1e-6));
  EXPECT_TRUE(TensorNear(
      losses.reconstruction,
      ReconstructionLoss(output.reconstruction_BCXYZ, views.target_BCXYZ, views.mask_BXYZ),
      0.0));
  EXPECT_TRUE(TensorNear(
      losses.contrastive,
      NtXentLoss(
          output.contrastive_B512.narrow(0, 0, 2), output.contrastive_B512.narrow(0, 2, 2), 0.3),
      0.0));
}

TEST(SslLosses, ComputeBfloat16InFloat32) {
  at::manual_seed(7);
  const Tensor a = at::randn({3, 512}).to(at::kBFloat16);
  const Tensor b = at::randn({3, 512}).to(at::kBFloat16);
  const Tensor wide = NtXentLoss(a.to(at::kFloat), b.to(at::kFloat), kTemperature);
  EXPECT_TRUE(NtXentLoss(a, b, kTemperature).equal(wide));
  const Tensor logits = at::randn({3, 4}).to(at::kBFloat16);
  const Tensor labels = at::tensor({1, 0, 3}, at::kLong);
  EXPECT_TRUE(RotationLoss(logits, labels).equal(RotationLoss(logits.to(at::kFloat), labels)));
}

// One whole training step: both views through network, heads and losses, and back.
TEST(SslStep, LossesAndEveryGradientMatchTheReference) {
  SAP_REQUIRE_SSL_GOLDEN(golden, tensors);
  const auto& expected = golden.at("full_step_vae");
  SslNet net = MakeFilledNet(nn::Reconstruction::kVae, at::kDouble);
  const auto two_views = [](uint64_t first) {
    return at::cat({FillF64(first, {2, 2, 64, 64, 64}), FillF64(first + 1, {2, 2, 64, 64, 64})});
  };
  Views views;
  views.input_BCXYZ = two_views(1000);
  views.target_BCXYZ = two_views(1003);
  views.rotation_B = at::tensor({0, 2, 3, 1}, at::kLong);
  const SslLosses losses = SslLoss(net->forward(views.input_BCXYZ), views, {});
  ExpectNumber(losses.rotation.item<double>(), expected.at("rotation"), 1e-9, 0, "rotation");
  ExpectNumber(losses.contrastive.item<double>(), expected.at("contrastive"), 1e-9, 0, "ntxent");
  ExpectNumber(losses.reconstruction.item<double>(), expected.at("reconstruction"), 1e-9, 0, "l1");
  ExpectNumber(losses.total.item<double>(), expected.at("total"), 1e-9, 0, "total");
  losses.total.backward();
  const auto parameters = net->named_parameters();
  ASSERT_EQ(parameters.size(), expected.at("grads").size());
  double sum = 0;
  for (const auto& item : parameters) {
    const auto& summary = expected.at("grads").at(item.key());
    const Tensor& grad = item.value().grad();
    const double l2 = grad.norm().item<double>();
    const double expected_l2 = summary.at("l2");
    // The floor is for biases in front of a norm, whose reference gradient is rounding noise.
    EXPECT_NEAR(l2, expected_l2, 1e-7 * expected_l2 + 1e-12) << item.key();
    ExpectSummary(grad, summary, 1e-8, item.key());
    sum += l2 * l2;
  }
  ExpectNumber(std::sqrt(sum), expected.at("grad_total_l2"), 1e-9, 0, "total l2");
}

}  // namespace
}  // namespace sap::ssl
