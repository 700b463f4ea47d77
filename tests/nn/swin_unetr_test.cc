// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/swin_unetr.h"

#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "network_builders.h"
#include "sap/core/error.h"
#include "sap/core/options.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

int64_t CountParameters(const SwinUnetrOptions& options) {
  int64_t count = 0;
  for (const Tensor& parameter : SwinUnetr(options)->parameters()) count += parameter.numel();
  return count;
}

SwinUnetrOptions Sized(int64_t feature_size, int64_t in_channels, int64_t out_channels) {
  SwinUnetrOptions options;
  options.feature_size = feature_size;
  options.in_channels = in_channels;
  options.out_channels = out_channels;
  return options;
}

ErrorKind KindOfFailure(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kBug;
}

TEST(SwinUnetr, HasAsManyParametersAsMonai) {
  EXPECT_EQ(CountParameters(Sized(12, 2, 2)), 4'078'496);
  EXPECT_EQ(CountParameters(Sized(24, 2, 2)), 15'703'868);
  EXPECT_EQ(CountParameters(Sized(48, 2, 2)), 62'188'436);
  EXPECT_EQ(CountParameters(Sized(48, 2, 10)), 62'188'828);
  EXPECT_EQ(CountParameters(Sized(48, 1, 14)), 62'187'296);
  SwinUnetrOptions v2 = Sized(24, 2, 2);
  v2.use_v2 = true;
  EXPECT_EQ(CountParameters(v2), 18'347'708);
}

TEST(SwinUnetr, StateDictHasMonaisNamesAndOrder) {
  for (const char* file : {"swin_unetr_legacy_fs12.json", "swin_unetr_use_v2_fs12.json"}) {
    const auto golden = testing::ReadGoldenJson(testing::GoldenFile(file));
    SwinUnetrOptions options = SmallOptions();
    options.use_v2 = golden.at("config").at("use_v2");
    const auto entries = StateDict(*SwinUnetr(options));
    EXPECT_EQ(entries.size(), golden.at("n_state_dict").get<std::size_t>());
    EXPECT_EQ(entries.size(), kNumEntries + (options.use_v2 ? 8 : 0));
    std::vector<std::string> parameters;
    std::vector<std::string> buffers;
    std::set<std::string> names;
    for (const auto& [name, tensor] : entries) {
      (tensor.scalar_type() == at::kLong ? buffers : parameters).push_back(name);
      names.insert(name);
    }
    EXPECT_EQ(names.size(), entries.size());
    EXPECT_EQ(buffers.size(), 8U);
    // The file keeps the order in which MONAI registers parameters.
    std::ifstream text(testing::GoldenFile(file));
    const auto ordered = nlohmann::ordered_json::parse(text);
    std::vector<std::string> expected;
    for (const auto& item : ordered.at("grads").items()) expected.push_back(item.key());
    EXPECT_EQ(parameters, expected);
  }
}

TEST(SwinUnetr, IndexBufferFollowsTheBiasTableAndStaysInteger) {
  SwinUnetr network(SmallOptions());
  network->to(at::kDouble);
  network->to(torch::Device(at::kCPU), at::kFloat);
  const auto entries = StateDict(*network);
  for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
    if (!entries[i].first.ends_with("relative_position_bias_table")) continue;
    EXPECT_TRUE(entries[i + 1].first.ends_with("attn.relative_position_index"));
    EXPECT_EQ(entries[i + 1].second.scalar_type(), at::kLong);
    EXPECT_TRUE(entries[i + 1].second.equal(RelativePositionIndex()));
    EXPECT_TRUE(entries[i + 2].first.ends_with("attn.qkv.weight"));
  }
}

// Anchors of swin_unetr §1.11.
TEST(SwinUnetr, SameSeedGivesMonaisInitialWeights) {
  torch::manual_seed(0);
  const SwinUnetr network(SmallOptions());
  std::map<std::string, Tensor> state;
  for (const auto& [name, tensor] : StateDict(*network)) state[name] = tensor;
  const auto expect = [&state](const std::string& name, double first, double last) {
    const Tensor flat = state.at(name).contiguous().flatten();
    EXPECT_NEAR(flat[0].item<double>(), first, 1e-8) << name;
    EXPECT_NEAR(flat[flat.numel() - 1].item<double>(), last, 1e-8) << name;
  };
  const std::string swin = "swinViT.";
  const std::string table = ".attn.relative_position_bias_table";
  expect(swin + "patch_embed.proj.weight", -0.001871705, 0.171056211);
  expect(swin + "layers1.0.blocks.0.attn.qkv.weight", -0.167622536, -0.070336267);
  expect(swin + "layers1.0.blocks.0" + table, 0.005962361, 0.018910464);
  expect(swin + "layers4.0.blocks.1" + table, -0.024369115, -0.009269752);
  expect(swin + "layers4.0.downsample.reduction.weight", -0.015017233, -0.013736145);
  expect("encoder1.layer.conv3.conv.weight", -0.627387881, 0.013420653);
  expect("decoder1.transp_conv.conv.weight", -0.081113979, 0.023563303);
  expect("out.conv.conv.weight", -0.090919159, 0.092130214);
  expect("out.conv.conv.bias", -0.087656006, 0.222463742);
}

TEST(SwinUnetr, RefusesSizesThatNoNetworkHas) {
  for (const int64_t feature_size : {0, -12, 16, 50}) {
    EXPECT_EQ(KindOfFailure([&] { SwinUnetr network(Sized(feature_size, 2, 2)); }),
              ErrorKind::kOption);
  }
  EXPECT_EQ(KindOfFailure([] { SwinUnetr network(Sized(12, 0, 2)); }), ErrorKind::kOption);
  EXPECT_EQ(KindOfFailure([] { SwinUnetr network(Sized(12, 2, 0)); }), ErrorKind::kOption);
}

TEST(SwinUnetr, RefusesImagesThatItCannotHalveFiveTimes) {
  const at::NoGradGuard no_grad;
  SwinUnetr network(SmallOptions());
  const std::vector<std::vector<int64_t>> refused = {{1, 2, 64, 64, 48},
                                                     {1, 2, 65, 64, 64},
                                                     {1, 3, 64, 64, 64},
                                                     {2, 64, 64, 64},
                                                     {1, 2, 32, 32, 32},
                                                     {4, 2, 32, 32, 32}};
  for (const auto& shape : refused) {
    EXPECT_EQ(KindOfFailure([&] { network->forward(at::zeros(shape)); }), ErrorKind::kInput);
    EXPECT_EQ(KindOfFailure([&] { network->EncodeHidden(at::zeros(shape)); }), ErrorKind::kInput);
  }
  EXPECT_NO_THROW(network->forward(at::rand({1, 2, 64, 32, 32})));
}

TEST(SwinUnetr, OptionsRefuseWhatTheConstructorRefuses) {
  SwinUnetrOptions options;
  options.feature_size = 50;
  options.drop_rate = 1.5;
  const OptionTable table(options);
  int num_faults = 0;
  for (const OptionField& field : table.fields()) {
    for (const auto& check : field.checks) num_faults += check().has_value() ? 1 : 0;
  }
  EXPECT_EQ(num_faults, 2);
}

TEST(SwinUnetr, BatchOfTwoEqualsTwoBatchesOfOne) {
  const at::NoGradGuard no_grad;
  SwinUnetr network = MakeFilledNetwork(SmallOptions(), at::kFloat);
  const Tensor images = testing::FillTensor(1, {2, 2, 64, 32, 32});
  const Tensor together = network->forward(images);
  const Tensor apart =
      at::cat({network->forward(images.slice(0, 0, 1)), network->forward(images.slice(0, 1, 2))});
  EXPECT_TRUE(testing::TensorNear(together, apart, testing::Tolerance(at::kFloat)));
}

// Window maps made in inference mode must serve the training steps that follow.
TEST(SwinUnetr, TrainsAfterAnInferencePass) {
  SwinUnetr network = MakeFilledNetwork(SmallOptions(), at::kFloat);
  const Tensor image = testing::FillTensor(2, {1, 2, 64, 32, 32});
  {
    const c10::InferenceMode inference;
    network->forward(image);
  }
  network->forward(image).sum().backward();
  EXPECT_TRUE(network->parameters()[0].grad().defined());
}

}  // namespace
}  // namespace sap::nn
