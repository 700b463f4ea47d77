// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/losses.h"

#include <filesystem>
#include <optional>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/fill.h"
#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/grad_check.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

DiceCeOptions OptionsOf(const nlohmann::json& o) {
  DiceCeOptions options;
  options.include_background = o.value("include_background", false);
  options.squared = o.value("squared_pred", false);
  options.jaccard = o.value("jaccard", false);
  options.batch = o.value("batch", false);
  options.lambda_dice = o.value("lambda_dice", 1.0);
  options.lambda_ce = o.value("lambda_ce", 1.0);
  options.smooth_nr = o.value("smooth_nr", 1e-5);
  options.smooth_dr = o.value("smooth_dr", 1e-5);
  if (o.contains("weight")) options.class_weights = o.at("weight").get<std::vector<double>>();
  return options;
}

// The stored inputs that the repository carries; the rest is beside it.
std::optional<Tensor> GoldenInput(const std::string& name) {
  const auto carried = testing::GoldenFile("losses_inputs.safetensors");
  const auto shared = testing::SharedFolder();
  for (const auto& path : {carried, shared ? *shared / "golden/losses.safetensors" : carried}) {
    try {
      return testing::GoldenTensor(path, name);
    } catch (const nlohmann::json::out_of_range&) {
      continue;
    }
  }
  return std::nullopt;
}

void CheckCase(const std::string& name,
               const nlohmann::json& entry,
               const Tensor& logits_stored,
               const Tensor& label) {
  const DiceCeOptions options = OptionsOf(entry.at("options"));
  const Tensor logits = logits_stored.to(at::kDouble).requires_grad_();
  const DiceCe loss = DiceCeLoss(logits, label, options);
  testing::ExpectNumber(loss.total.item<double>(), entry.at("total"), 1e-12, 0.0, name);
  testing::ExpectNumber(loss.dice.item<double>(), entry.at("dice"), 1e-12, 0.0, name + ".dice");
  testing::ExpectNumber(loss.ce.item<double>(), entry.at("ce"), 1e-12, 0.0, name + ".ce");
  loss.total.backward();
  const double grad_l2 = logits.grad().norm().item<double>();
  EXPECT_NEAR(grad_l2, entry.at("grad_l2").get<double>(), 1e-12) << name;
  EXPECT_NEAR(
      logits.grad().flatten()[0].item<double>(), entry.at("grad_first").get<double>(), 1e-13)
      << name;
  if (const auto grad = GoldenInput(entry.at("grad"))) {
    EXPECT_TRUE(testing::TensorNear(logits.grad(), *grad, 1e-13)) << name;
  }
  const bool is_binary = logits.size(1) == 1;
  const Tensor logits_f32 = logits_stored.clone().requires_grad_();
  const DiceCe loss_f32 = DiceCeLoss(logits_f32, label, options);
  testing::ExpectNumber(loss_f32.total.item<double>(), entry.at("total"), 1e-5, 0.0, name);
  loss_f32.total.backward();
  EXPECT_TRUE(testing::TensorNear(logits_f32.grad(), logits.grad(), is_binary ? 2e-7 : 1e-8))
      << name;
}

TEST(DiceCeLoss, MatchesMonaiForEveryOption) {
  const auto golden = testing::ReadGoldenJson(testing::GoldenFile("losses.json"));
  int num_checked = 0;
  for (const auto& [name, entry] : golden.at("cases").items()) {
    const auto logits = GoldenInput(entry.at("logits"));
    const auto label = GoldenInput(entry.at("target"));
    if (!logits || !label) continue;
    CheckCase(name, entry, *logits, *label);
    ++num_checked;
  }
  EXPECT_GE(num_checked, 17);
}

TEST(ValidationDice, MatchesMonai) {
  const auto golden = testing::ReadGoldenJson(testing::GoldenFile("losses.json"));
  int num_checked = 0;
  for (const auto& [name, entry] : golden.at("val_dice").items()) {
    const auto logits = GoldenInput(entry.at("logits"));
    const auto label = GoldenInput(entry.at("target"));
    if (!logits || !label) continue;
    const ValidationScore score = ValidationDice(*logits, *label);
    EXPECT_NEAR(score.mean, entry.at("aggregate").get<double>(), 1e-6) << name;
    const auto& rows = entry.at("per_sample_class");
    for (std::size_t b = 0; b < rows.size(); ++b) {
      for (std::size_t k = 0; k < rows[b].size(); ++k) {
        const double actual =
            score.dice_BK[static_cast<int64_t>(b)][static_cast<int64_t>(k)].item<double>();
        const double expected = testing::GoldenNumber(rows[b][k]);
        EXPECT_EQ(std::isnan(actual), std::isnan(expected)) << name;
        if (!std::isnan(expected)) {
          EXPECT_NEAR(actual, expected, 1e-6) << name;
        }
      }
    }
    ++num_checked;
  }
  EXPECT_GE(num_checked, 4);
}

Tensor SomeLabels(int64_t num_classes) {
  at::manual_seed(4);
  return at::randint(0, num_classes, {2, 1, 3, 4, 5}, at::kByte);
}

TEST(DiceCeLoss, GradientsMatchDifferencesForCombinedOptions) {
  at::manual_seed(1);
  const Tensor logits = at::randn({2, 4, 3, 4, 5}, at::kDouble);
  for (int bits = 0; bits < 16; ++bits) {
    DiceCeOptions options;
    options.include_background = (bits & 1) != 0;
    options.squared = (bits & 2) != 0;
    options.jaccard = (bits & 4) != 0;
    options.batch = (bits & 8) != 0;
    options.class_weights = {0.3, 1.0, 2.0, 0.7};
    options.lambda_dice = 1.3;
    options.lambda_ce = 0.4;
    testing::ExpectGradientsMatch(
        [&](const std::vector<Tensor>& in) {
          return DiceCeLoss(in[0], SomeLabels(4), options).total;
        },
        {logits});
  }
}

TEST(DiceCeLoss, ComputesBfloat16LogitsInFloat32) {
  at::manual_seed(2);
  const Tensor logits = at::randn({2, 3, 3, 4, 5}).to(at::kBFloat16);
  const Tensor a = DiceCeLoss(logits, SomeLabels(3), {}).total;
  const Tensor b = DiceCeLoss(logits.to(at::kFloat), SomeLabels(3), {}).total;
  EXPECT_EQ(a.scalar_type(), at::kFloat);
  EXPECT_TRUE(a.equal(b));
}

TEST(DiceCeLoss, TakesFloatingLabels) {
  const Tensor logits = at::randn({2, 3, 3, 4, 5});
  const Tensor label = SomeLabels(3);
  EXPECT_TRUE(DiceCeLoss(logits, label, {})
                  .total.equal(DiceCeLoss(logits, label.to(at::kFloat), {}).total));
}

TEST(DiceCeLoss, RefusesWhatDoesNotFit) {
  const Tensor logits = at::randn({2, 3, 3, 4, 5});
  EXPECT_THROW(DiceCeLoss(logits, at::zeros({2, 1, 3, 4, 4}), {}), Error);
  EXPECT_THROW(DiceCeLoss(logits, at::zeros({2, 2, 3, 4, 5}), {}), Error);
  EXPECT_THROW(DiceCeLoss(logits, at::full({2, 1, 3, 4, 5}, 3), {}), Error);
  EXPECT_THROW(DiceCeLoss(logits, at::full({2, 1, 3, 4, 5}, -1), {}), Error);
  DiceCeOptions options;
  options.class_weights = {1.0, 2.0};
  EXPECT_THROW(DiceCeLoss(logits, at::zeros({2, 1, 3, 4, 5}), options), Error);
}

TEST(ValidationDice, IsZeroWhereNoLabelIsValid) {
  const ValidationScore score =
      ValidationDice(at::randn({2, 2, 3, 4, 5}), at::zeros({2, 1, 3, 4, 5}));
  EXPECT_EQ(score.mean, 0.0);
  EXPECT_EQ(score.num_valid_samples, 0);
}

}  // namespace
}  // namespace sap::nn
