// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/reconstruction_decoder.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/nn/unetr_blocks.h"
#include "support/grad_check.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kDim = 32;

ReconstructionDecoder MakeDecoder(Reconstruction form, Kernels kernels, at::ScalarType dtype) {
  at::manual_seed(1);
  ReconstructionDecoder decoder(form, kDim, /*out_channels=*/2, kernels);
  decoder->to(dtype);
  return decoder;
}

std::vector<std::string> ParameterNames(const ReconstructionDecoder& decoder) {
  std::vector<std::string> names;
  for (const auto& item : decoder->named_parameters()) names.push_back(item.key());
  return names;
}

TEST(ReconstructionDecoder, NamesAreThoseOfTheReference) {
  const auto names = [](Reconstruction form) {
    return ParameterNames(MakeDecoder(form, Kernels::kFused, at::kFloat));
  };
  EXPECT_THAT(names(Reconstruction::kVae),
              ElementsAre("0.weight",
                          "0.bias",
                          "4.weight",
                          "4.bias",
                          "8.weight",
                          "8.bias",
                          "12.weight",
                          "12.bias",
                          "16.weight",
                          "16.bias",
                          "20.weight",
                          "20.bias"));
  EXPECT_THAT(names(Reconstruction::kDeconv),
              ElementsAre("0.weight",
                          "0.bias",
                          "1.weight",
                          "1.bias",
                          "2.weight",
                          "2.bias",
                          "3.weight",
                          "3.bias",
                          "4.weight",
                          "4.bias"));
  EXPECT_THAT(names(Reconstruction::kLargeKernelDeconv), ElementsAre("weight", "bias"));
}

TEST(ReconstructionDecoder, EnlargesEachAxisThirtyTwoTimes) {
  const at::NoGradGuard no_grad;
  const Tensor x = at::randn({2, kDim, 3, 1, 2});
  for (const Reconstruction form :
       {Reconstruction::kVae, Reconstruction::kDeconv, Reconstruction::kLargeKernelDeconv}) {
    ReconstructionDecoder decoder = MakeDecoder(form, Kernels::kFused, at::kFloat);
    EXPECT_EQ(decoder->forward(x).sizes().vec(), (std::vector<int64_t>{2, 2, 96, 32, 64}));
  }
}

// swin_unetr §4.1 to the letter, the order of the last two steps included.
TEST(ReconstructionDecoder, VaeIsThePublishedSequence) {
  const at::NoGradGuard no_grad;
  ReconstructionDecoder decoder = MakeDecoder(Reconstruction::kVae, Kernels::kFused, at::kDouble);
  const auto w = decoder->named_parameters();
  const Tensor x = at::randn({2, kDim, 2, 3, 1}, at::kDouble);
  Tensor y = x;
  for (const char* name : {"0", "4", "8", "12", "16"}) {
    const std::string layer = name;
    y = at::conv3d(y, w[layer + ".weight"], w[layer + ".bias"], 1, 1);
    y = at::leaky_relu(at::instance_norm(y, {}, {}, {}, {}, true, 0.1, 1e-5, false), 0.01);
    const std::vector<double> factors = {2.0, 2.0, 2.0};
    y = at::upsample_trilinear3d(y, at::OptionalIntArrayRef(), false, factors);
  }
  y = at::conv3d(y, w["20.weight"], w["20.bias"]);
  EXPECT_TRUE(testing::TensorNear(decoder->forward(x), y, 1e-12));
}

TEST(ReconstructionDecoder, FusedAndReferenceKernelsAgree) {
  const Tensor data = at::randn({2, kDim, 2, 3, 2}).contiguous(at::MemoryFormat::ChannelsLast3d);
  const auto run = [&](Kernels kernels, at::ScalarType dtype) {
    ReconstructionDecoder decoder = MakeDecoder(Reconstruction::kVae, kernels, dtype);
    const Tensor x = data.to(dtype).requires_grad_();
    const Tensor y = decoder->forward(x);
    y.square().mean().backward();
    std::vector<Tensor> results = {y.detach(), x.grad()};
    for (const Tensor& parameter : decoder->parameters()) results.push_back(parameter.grad());
    return results;
  };
  const auto exact = run(Kernels::kReference, at::kDouble);
  const auto fused_f64 = run(Kernels::kFused, at::kDouble);
  const auto fused = run(Kernels::kFused, at::kFloat);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_TRUE(testing::TensorNear(fused_f64[i], exact[i], 1e-12)) << i;
    // A sign of LeakyReLU may flip in float32 and move gradients.
    EXPECT_TRUE(testing::TensorNear(fused[i], exact[i], i == 0 ? 1e-5 : 1e-3)) << i;
  }
}

TEST(ReconstructionDecoder, BiasesInFrontOfANormGetAZeroGradient) {
  ReconstructionDecoder decoder = MakeDecoder(Reconstruction::kVae, Kernels::kFused, at::kFloat);
  decoder->forward(at::randn({1, kDim, 2, 1, 1})).square().sum().backward();
  const auto parameters = decoder->named_parameters();
  for (const char* name : {"0.bias", "4.bias", "8.bias", "12.bias", "16.bias"}) {
    ASSERT_TRUE(parameters[name].grad().defined()) << name;
    EXPECT_EQ(parameters[name].grad().abs().max().item<float>(), 0.0F) << name;
  }
  EXPECT_GT(parameters["20.bias"].grad().abs().max().item<float>(), 0.0F);
}

TEST(ReconstructionDecoder, GradientsMatchDifferences) {
  for (const Reconstruction form :
       {Reconstruction::kVae, Reconstruction::kDeconv, Reconstruction::kLargeKernelDeconv}) {
    ReconstructionDecoder decoder = MakeDecoder(form, Kernels::kFused, at::kDouble);
    testing::ExpectGradientsMatch(
        [&](const std::vector<Tensor>& in) {
          return decoder->forward(in[0]).slice(2, 0, {}, 7).slice(3, 0, {}, 5).slice(4, 0, {}, 5);
        },
        {at::randn({1, kDim, 2, 1, 2}, at::kDouble)});
  }
}

}  // namespace
}  // namespace sap::nn
