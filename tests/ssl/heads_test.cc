// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/heads.h"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/nn/swin_unetr.h"
#include "ssl_golden.h"
#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::ssl {
namespace {

using testing::ExpectSummary;
using ::testing::HasSubstr;
using testing::TensorNear;

constexpr nn::Reconstruction kForms[] = {
    nn::Reconstruction::kVae, nn::Reconstruction::kDeconv, nn::Reconstruction::kLargeKernelDeconv};

Tensor Image(at::ScalarType dtype) {
  return testing::FillTensor(1000, {1, 2, 64, 64, 64}).to(dtype);
}

std::array<double, 3> FirstMidLast(const Tensor& tensor) {
  const Tensor flat = tensor.contiguous().flatten();
  const int64_t n = flat.numel();
  return {flat[0].item<double>(), flat[n / 2].item<double>(), flat[n - 1].item<double>()};
}

void ExpectFirstMidLast(const Tensor& tensor, const std::array<double, 3>& expected) {
  const auto actual = FirstMidLast(tensor);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-9) << i;
}

// swin_unetr §4.1, which prints nine digits after the point.
TEST(SslNet, MeetsTheAnchorsOfTheSpecification) {
  const at::NoGradGuard no_grad;
  const std::array<double, 3> reconstructions[] = {{.351082422, .009824091, .013312648},
                                                   {.231353293, -.269087332, -.013782499},
                                                   {.081864532, .004534158, .098571220}};
  for (std::size_t f = 0; f < 3; ++f) {
    const SslOutput output = MakeFilledNet(kForms[f], at::kDouble)->forward(Image(at::kDouble));
    const Tensor rotation =
        at::tensor({-.650801296, -.895585743, 1.000451268, -.010134434}, at::kDouble);
    EXPECT_TRUE(TensorNear(output.rotation_B4[0], rotation, 1e-9));
    ExpectFirstMidLast(output.contrastive_B512, {1.596828621, 1.436378209, -1.297554826});
    ExpectFirstMidLast(output.reconstruction_BCXYZ, reconstructions[f]);
    if (kForms[f] != nn::Reconstruction::kVae) continue;
    EXPECT_NEAR(
        output.reconstruction_BCXYZ.std(/*unbiased=*/false).item<double>(), .798464985, 1e-9);
  }
}

Tensor Strided(const Tensor& x_BCXYZ, int64_t step) {
  return x_BCXYZ.slice(2, 0, {}, step).slice(3, 0, {}, step).slice(4, 0, {}, step);
}

TEST(SslNet, EveryFormMatchesTheReference) {
  SAP_REQUIRE_SSL_GOLDEN(golden, tensors);
  const at::NoGradGuard no_grad;
  for (const nn::Reconstruction form : kForms) {
    const std::string name = EnumName(form);
    const auto& expected = golden.at("heads").at(name);
    const int64_t step = form == nn::Reconstruction::kVae ? 2 : 4;
    const std::string stored = "reconstruction_" + name + "_stride" + std::to_string(step);
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
      const double tolerance = dtype == at::kDouble ? 1e-9 : 2e-5;
      const SslOutput output = MakeFilledNet(form, dtype)->forward(Image(dtype));
      const auto whole = [&](const char* tensor) { return testing::GoldenTensor(tensors, tensor); };
      EXPECT_TRUE(TensorNear(output.rotation_B4, whole("rotation"), tolerance)) << name;
      EXPECT_TRUE(TensorNear(output.contrastive_B512, whole("contrastive"), tolerance)) << name;
      ExpectSummary(output.reconstruction_BCXYZ, expected.at("reconstruction"), tolerance, name);
      EXPECT_TRUE(TensorNear(Strided(output.reconstruction_BCXYZ, step),
                             testing::GoldenTensor(tensors, stored),
                             std::max(tolerance, 1e-6)))  // stored in float32
          << name;
    }
  }
}

TEST(SslNet, ParametersHaveTheNamesAndOrderOfTheReference) {
  SAP_REQUIRE_SSL_GOLDEN(golden, tensors);
  for (const nn::Reconstruction form : kForms) {
    const auto& expected = golden.at("heads").at(EnumName(form));
    const SslNet net = MakeFilledNet(form, at::kFloat);
    const std::vector<std::string> names = ParameterNames(net);
    const auto heads = expected.at("head_parameter_order").get<std::vector<std::string>>();
    ASSERT_EQ(names.size(), 118 + heads.size());
    EXPECT_TRUE(std::all_of(names.begin(), names.begin() + 118, [](const std::string& name) {
      return name.starts_with("swinViT.");
    }));
    EXPECT_EQ(std::vector(names.begin() + 118, names.end()), heads);
    int64_t num_parameters = 0;
    for (const Tensor& parameter : net->parameters()) num_parameters += parameter.numel();
    EXPECT_EQ(num_parameters, expected.at("n_parameters").get<int64_t>());
  }
}

TEST(SslNet, SizesAtFeatureSize48AreThePublishedOnes) {
  const std::array<int64_t, 3> totals = {19'097'624, 11'594'120, 58'790'840};
  for (std::size_t f = 0; f < 3; ++f) {
    const SslNet net(SslNetOptions{.reconstruction = kForms[f], .encoder = {}});
    int64_t num_parameters = 0;
    for (const Tensor& parameter : net->parameters()) num_parameters += parameter.numel();
    EXPECT_EQ(num_parameters, totals[f]);
  }
}

// swin_unetr §4.5: 126 entries of the encoder with its index buffers, then the heads.
TEST(SslNet, StateIsTheEncoderOfSwinUnetrAndThreeHeads) {
  nn::SwinUnetrOptions encoder;
  encoder.feature_size = 12;
  const auto whole = nn::StateDict(*nn::SwinUnetr(encoder));
  const auto state = nn::StateDict(*MakeFilledNet(nn::Reconstruction::kVae, at::kFloat));
  ASSERT_EQ(state.size(), 126U + 16U);
  for (std::size_t i = 0; i < 126; ++i) {
    EXPECT_EQ(state[i].first, whole[i].first);
    EXPECT_EQ(state[i].second.sizes(), whole[i].second.sizes());
  }
  EXPECT_EQ(state[126].first, "rotation_head.weight");
  EXPECT_EQ(state.back().first, "conv.20.bias");
}

TEST(SslNet, TakesAnyFeatureSizeChannelsAndGridOfTwoTokens) {
  const at::NoGradGuard no_grad;
  SslNetOptions options;
  options.encoder.feature_size = 24;
  options.encoder.in_channels = 3;
  const SslOutput output = SslNet(options)->forward(at::rand({2, 3, 64, 32, 32}));
  EXPECT_EQ(output.rotation_B4.sizes().vec(), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(output.contrastive_B512.sizes().vec(), (std::vector<int64_t>{2, 512}));
  EXPECT_EQ(output.reconstruction_BCXYZ.sizes().vec(), (std::vector<int64_t>{2, 3, 64, 32, 32}));
}

// Token 0 and token 1 of the grid in C order: the grid is 2 x 1 x 1 here, so they are its voxels.
TEST(SslNet, HeadsReadOneTokenEach) {
  const at::NoGradGuard no_grad;
  SslNet net = MakeFilledNet(nn::Reconstruction::kVae, at::kDouble);
  const Tensor image = testing::FillTensor(1000, {1, 2, 64, 32, 32}).to(at::kDouble);
  const auto encoder =
      std::dynamic_pointer_cast<nn::SwinEncoderImpl>(net->named_modules()["swinViT"]);
  const Tensor deepest = encoder->forward(image).back();
  const auto w = net->named_parameters();
  const SslOutput output = net->forward(image);
  EXPECT_TRUE(TensorNear(
      output.rotation_B4,
      at::linear(
          deepest.select(2, 0).flatten(1), w["rotation_head.weight"], w["rotation_head.bias"]),
      1e-12));
  EXPECT_TRUE(TensorNear(output.contrastive_B512,
                         at::linear(deepest.select(2, 1).flatten(1),
                                    w["contrastive_head.weight"],
                                    w["contrastive_head.bias"]),
                         1e-12));
}

TEST(SslNet, FusedAndReferenceKernelsAgree) {
  const at::NoGradGuard no_grad;
  const auto run = [](nn::Kernels kernels) {
    at::manual_seed(5);
    SslNetOptions options;
    options.encoder.feature_size = 12;
    options.encoder.kernels = kernels;
    return SslNet(options)->forward(Image(at::kFloat));
  };
  const SslOutput fused = run(nn::Kernels::kFused);
  const SslOutput reference = run(nn::Kernels::kReference);
  EXPECT_TRUE(TensorNear(fused.rotation_B4, reference.rotation_B4, 2e-5));
  EXPECT_TRUE(TensorNear(fused.contrastive_B512, reference.contrastive_B512, 2e-5));
  EXPECT_TRUE(TensorNear(fused.reconstruction_BCXYZ, reference.reconstruction_BCXYZ, 2e-5));
}

TEST(SslNet, RefusesImagesWithoutTwoTokens) {
  SslNet net = MakeFilledNet(nn::Reconstruction::kVae, at::kFloat);
  const auto text_of = [&](at::IntArrayRef shape) -> std::string {
    try {
      net->forward(at::zeros(shape));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(text_of({1, 2, 32, 32, 32}), HasSubstr("64 voxels or longer"));
  EXPECT_THAT(text_of({1, 2, 64, 48, 64}), HasSubstr("multiples of 32"));
  EXPECT_THAT(text_of({1, 1, 64, 64, 64}), HasSubstr("in_channels"));
}

}  // namespace
}  // namespace sap::ssl
