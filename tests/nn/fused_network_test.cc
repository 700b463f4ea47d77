// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "fused_test_support.h"
#include "sap/nn/losses.h"
#include "sap/nn/swin_unetr.h"

namespace sap::nn::testing {
namespace {

SwinUnetr MakeModel(Kernels kernels) {
  at::manual_seed(3);
  SwinUnetrOptions options;
  options.feature_size = 12;
  options.kernels = kernels;
  return SwinUnetr(options);
}

Tensor Image() {
  at::manual_seed(4);
  return at::randn({1, 2, 64, 64, 64});
}

// Both see the same weights; rounding differs, so gradients are compared by L2 norm.
TEST(FusedNetwork, EqualsTheReferenceInLogitsAndEveryGradient) {
  const Tensor label = at::randint(0, 2, {1, 1, 64, 64, 64});
  SwinUnetr fused = MakeModel(Kernels::kFused);
  SwinUnetr reference = MakeModel(Kernels::kReference);
  const Tensor logits = fused->forward(Image());
  const Tensor expected = reference->forward(Image());
  EXPECT_LT(RelativeL2(logits, expected), 1e-4);
  DiceCeLoss(logits, label, {}).total.backward();
  DiceCeLoss(expected, label, {}).total.backward();
  const auto expected_parameters = reference->named_parameters();
  double worst = 0.0;
  for (const auto& item : fused->named_parameters()) {
    const Tensor& grad = expected_parameters[item.key()].grad();
    if (grad.norm().item<double>() < 1e-7) continue;  // zero but for rounding
    worst = std::max(worst, RelativeL2(item.value().grad(), grad));
  }
  EXPECT_LT(worst, 2e-2);
}

TEST(FusedNetwork, InferenceModeGivesTheSameLogits) {
  SwinUnetr model = MakeModel(Kernels::kFused);
  model->eval();
  const Tensor with_graph = model->forward(Image());
  const c10::InferenceMode inference;
  EXPECT_TRUE(model->forward(Image()).equal(with_graph));
}

}  // namespace
}  // namespace sap::nn::testing
