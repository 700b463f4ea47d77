// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "sap/nn/losses.h"
#include "sap/nn/reconstruction_decoder.h"
#include "sap/nn/swin_unetr.h"
#include "support/poison_memory.h"

namespace sap::nn {
namespace {

using Gradients = std::vector<std::pair<std::string, Tensor>>;

Gradients GradientsOf(const torch::nn::Module& module) {
  Gradients gradients;
  for (const auto& item : module.named_parameters()) {
    gradients.emplace_back(item.key(), item.value().grad());
  }
  return gradients;
}

template <typename Forward>
Tensor UnderAutocast(bool bf16, const Forward& forward) {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, bf16);
  const Tensor out = forward().to(at::kFloat);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  return out;
}

// One training step. Windows of the grid are padding in part, and the deepest levels have 2x2x4 and
// 1x1x2 voxels.
Gradients SegmentationGradients(bool bf16) {
  at::manual_seed(11);
  SwinUnetr model(SwinUnetrOptions{.feature_size = 12});
  model->train();
  const Tensor image_BCXYZ = at::rand({2, 2, 32, 32, 64});
  const Tensor label_B1XYZ = (at::rand({2, 1, 32, 32, 64}) > 0.7).to(at::kByte);
  const Tensor logits_BKXYZ = UnderAutocast(bf16, [&] { return model->forward(image_BCXYZ); });
  DiceCeLoss(logits_BKXYZ, label_B1XYZ, {}).total.backward();
  return GradientsOf(*model);
}

// The reconstruction head behind the smallest crops, where its first levels have 2x1x1 and 4x2x2
// voxels, and behind 64^3, where they have 2x2x2 and 4x4x4.
Gradients ReconstructionGradients(Reconstruction form, int64_t edge, bool bf16) {
  at::manual_seed(12);
  ReconstructionDecoder decoder(form, 192, 2, Kernels::kFused);
  const Tensor deepest_BCXYZ = at::randn({4, 192, 2, edge, edge}, at::kFloat);
  UnderAutocast(bf16, [&] { return decoder->forward(deepest_BCXYZ); }).abs().mean().backward();
  return GradientsOf(*decoder);
}

template <typename Step>
void ExpectSameInPoisonedMemory(const Step& step) {
  const Gradients expected = step();
  ASSERT_FALSE(expected.empty());
  const testing::PoisonNewMemory poison_new_memory;
  ASSERT_TRUE(at::empty({64}).isnan().all().item<bool>());
  const Gradients found = step();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << expected[i].first;
  }
}

void ExpectNoStepReadsNewMemory(bool bf16) {
  ExpectSameInPoisonedMemory([&] { return SegmentationGradients(bf16); });
  for (const Reconstruction form :
       {Reconstruction::kVae, Reconstruction::kDeconv, Reconstruction::kLargeKernelDeconv}) {
    for (const int64_t edge : {1, 2}) {
      SCOPED_TRACE(EnumName(form) + " " + std::to_string(edge));
      ExpectSameInPoisonedMemory([&] { return ReconstructionGradients(form, edge, bf16); });
    }
  }
}

TEST(TrainingStep, ReadsNoMemoryThatNothingWrote) {
  ExpectNoStepReadsNewMemory(/*bf16=*/false);
}

TEST(TrainingStep, ReadsNoMemoryThatNothingWroteInBfloat16) {
  if (!__builtin_cpu_supports("avx512bf16")) {
    GTEST_SKIP() << "this processor has no bfloat16 arithmetic, where autocast is never chosen";
  }
  ExpectNoStepReadsNewMemory(/*bf16=*/true);
}

}  // namespace
}  // namespace sap::nn
