// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "sap/nn/losses.h"
#include "sap/nn/swin_unetr.h"

namespace sap::nn {
namespace {

// While it lives, LibTorch fills every new tensor with NaN and malloc fills what libraries take for
// themselves with huge numbers, so that what reads memory before anything was written there shows.
class PoisonNewMemory {
 public:
  PoisonNewMemory() {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    at::globalContext().setDeterministicFillUninitializedMemory(true);
    mallopt(M_PERTURB, 0x80);
  }
  PoisonNewMemory(const PoisonNewMemory&) = delete;
  PoisonNewMemory& operator=(const PoisonNewMemory&) = delete;
  ~PoisonNewMemory() {
    mallopt(M_PERTURB, 0);
    at::globalContext().setDeterministicAlgorithms(false, false);
  }
};

// Gradients of one training step by name. Windows of the grid are padding in part, and the deepest
// levels have 2x2x4 and 1x1x2 voxels.
std::vector<std::pair<std::string, Tensor>> GradientsOfOneStep(bool bf16) {
  at::manual_seed(11);
  SwinUnetr model(SwinUnetrOptions{.feature_size = 12});
  model->train();
  const Tensor image_BCXYZ = at::rand({2, 2, 32, 32, 64});
  const Tensor label_B1XYZ = (at::rand({2, 1, 32, 32, 64}) > 0.7).to(at::kByte);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, bf16);
  const Tensor logits_BKXYZ = model->forward(image_BCXYZ).to(at::kFloat);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  DiceCeLoss(logits_BKXYZ, label_B1XYZ, {}).total.backward();
  std::vector<std::pair<std::string, Tensor>> gradients;
  for (const auto& item : model->named_parameters()) {
    gradients.emplace_back(item.key(), item.value().grad());
  }
  return gradients;
}

void ExpectSameInPoisonedMemory(bool bf16) {
  const auto expected = GradientsOfOneStep(bf16);
  ASSERT_GT(expected.size(), 100U);
  const PoisonNewMemory poison_new_memory;
  ASSERT_TRUE(at::empty({64}).isnan().all().item<bool>());
  const auto found = GradientsOfOneStep(bf16);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << expected[i].first;
  }
}

TEST(TrainingStep, ReadsNoMemoryThatNothingWrote) {
  ExpectSameInPoisonedMemory(/*bf16=*/false);
}

TEST(TrainingStep, ReadsNoMemoryThatNothingWroteInBfloat16) {
  if (!__builtin_cpu_supports("avx512bf16")) {
    GTEST_SKIP() << "this processor has no bfloat16 arithmetic, where autocast is never chosen";
  }
  ExpectSameInPoisonedMemory(/*bf16=*/true);
}

}  // namespace
}  // namespace sap::nn
