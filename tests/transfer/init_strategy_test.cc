// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/init_strategy.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/transfer/key_map.h"
#include "support/shared_folder.h"
#include "transfer/load_plan.h"
#include "transfer/transfer_builders.h"

namespace sap::transfer {
namespace {

using testing::FilledWeights;
using testing::FreshFolder;
using testing::Refuses;
using testing::RenameAll;
using testing::SmallNetwork;
using testing::StateOf;

constexpr double kMark = 0.25;  // what every pretrained weight holds

std::string Write(const nn::NamedTensors& weights, const std::string& name = "w.safetensors") {
  const auto path = FreshFolder() / name;
  nn::WriteWeights(path, weights);
  return path.string();
}

bool IsMarked(const nn::SwinUnetr& model, const std::string& name) {
  return (StateOf(model, name) == kMark).all().item<bool>();
}

int64_t NumMarkedParams(const nn::SwinUnetr& model) {
  int64_t count = 0;
  for (const auto& parameter : model->parameters()) {
    count += (parameter == kMark).sum().item<int64_t>();
  }
  return count;
}

::testing::AssertionResult InitIsRefused(const InitOptions& init,
                                         const std::string& part,
                                         const nn::SwinUnetrOptions& network = SmallNetwork()) {
  nn::SwinUnetr model(network);
  const auto result = Refuses(
      ErrorKind::kInput, [&] { ApplyInit(*model, init); }, part);
  if (result && NumMarkedParams(model) != 0) {
    return ::testing::AssertionFailure() << "the model was changed all the same";
  }
  return result;
}

TEST(ApplyInit, RandomTakesNothing) {
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report = ApplyInit(*model, {});
  EXPECT_EQ(report.Count(LoadStatus::kInitialised), static_cast<int64_t>(nn::kNumEntries));
  EXPECT_EQ(report.entries.size(), nn::kNumEntries);
}

TEST(ApplyInit, SapTakesEncoderAndDecoderAndAFreshHead) {
  nn::SwinUnetrOptions skeleton = SmallNetwork();
  skeleton.out_channels = 10;
  const std::string path = Write(FilledWeights(skeleton, kMark));
  nn::SwinUnetr model(SmallNetwork());
  const Tensor head = StateOf(model, "out.conv.conv.weight").clone();
  const LoadReport report = ApplyInit(*model, {.mode = InitMode::kSap, .path = path});
  EXPECT_TRUE(at::equal(StateOf(model, "out.conv.conv.weight"), head));
  EXPECT_TRUE(IsMarked(model, "decoder5.transp_conv.conv.weight"));
  EXPECT_TRUE(IsMarked(model, "encoder10.layer.conv1.conv.weight"));
  EXPECT_TRUE(IsMarked(model, "swinViT.patch_embed.proj.weight"));
  EXPECT_EQ(report.num_loaded_params, 4'078'496 - 2 * 13);
  EXPECT_EQ(report.Count(LoadStatus::kLoaded), 157);
  EXPECT_EQ(report.Count(LoadStatus::kInitialised), 2);
  EXPECT_EQ(report.Count(LoadStatus::kSkipped), 2);
}

TEST(ApplyInit, SapLeavesTheHeadFreshForEqualClassCountsToo) {
  const std::string path = Write(FilledWeights(SmallNetwork(), kMark));
  nn::SwinUnetr model(SmallNetwork());
  ApplyInit(*model, {.mode = InitMode::kSap, .path = path});
  EXPECT_FALSE(IsMarked(model, "out.conv.conv.weight"));
  EXPECT_FALSE(IsMarked(model, "out.conv.conv.bias"));
}

TEST(ApplyInit, SslTakesTheSwinEncoderAlone) {
  const std::string path = Write(FilledWeights(SmallNetwork(), kMark));
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report = ApplyInit(*model, {.mode = InitMode::kSsl, .path = path});
  EXPECT_EQ(report.num_loaded_params, 695'094);
  EXPECT_EQ(NumMarkedParams(model), 695'094);
  EXPECT_FALSE(IsMarked(model, "encoder1.layer.conv1.conv.weight"));
}

TEST(ApplyInit, SslReadsModelSwinvitThroughPt) {
  const auto path = FreshFolder() / "model_swinvit.pt";
  nn::WritePt(path, SslLayout(FilledWeights(SmallNetwork(), kMark)), nn::PtForm::kStateDict);
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report =
      ApplyInit(*model, {.mode = InitMode::kSsl, .path = path.string(), .strict = true});
  EXPECT_EQ(report.Count(LoadStatus::kLoaded), 126);
  EXPECT_EQ(report.layout, "encoder without swinViT (model_swinvit.pt)");
}

TEST(ApplyInit, NoMatchIsAnErrorThatShowsKeysOfBothSides) {
  nn::NamedTensors weights = FilledWeights(SmallNetwork(), kMark);
  RenameAll(weights, "net.");
  const InitOptions init{.mode = InitMode::kSap, .path = Write(weights)};
  EXPECT_TRUE(InitIsRefused(init, "net.swinViT.patch_embed.proj.weight"));
  EXPECT_TRUE(InitIsRefused(init, "the model's keys: swinViT.patch_embed.proj.weight"));
  EXPECT_TRUE(InitIsRefused(init, "0 of 4078470 parameters"));
}

TEST(ApplyInit, TooLittleIsAnErrorUnlessAllowed) {
  nn::NamedTensors encoder;
  for (auto& entry : FilledWeights(SmallNetwork(), kMark).entries) {
    if (entry.first.starts_with("swinViT.")) encoder.entries.push_back(entry);
  }
  InitOptions init{.mode = InitMode::kSap, .path = Write(encoder)};
  EXPECT_TRUE(InitIsRefused(init, "at least 90 % needed"));
  init.min_loaded_frac = 0.1;
  nn::SwinUnetr model(SmallNetwork());
  EXPECT_NEAR(ApplyInit(*model, init).LoadedFrac(), 0.17, 0.01);
  init.strict = true;
  EXPECT_TRUE(InitIsRefused(init, "init.strict"));
}

TEST(ApplyInit, AnotherPatchMergingIsAnError) {
  nn::SwinUnetrOptions fixed = SmallNetwork();
  fixed.patch_merging = nn::PatchMerging::kFixed;
  const InitOptions init{.mode = InitMode::kSap, .path = Write(FilledWeights(fixed, kMark))};
  EXPECT_TRUE(InitIsRefused(init, "patch_merging fixed, the model has legacy"));
  nn::SwinUnetr same(fixed);
  EXPECT_GT(ApplyInit(*same, init).num_loaded_params, 0);
}

TEST(ApplyInit, UnstatedPatchMergingCountsAsLegacyWithANote) {
  nn::NamedTensors weights = FilledWeights(SmallNetwork(), kMark);
  weights.metadata.clear();
  const InitOptions init{.mode = InitMode::kSap, .path = Write(weights)};
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report = ApplyInit(*model, init);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("legacy assumed"), std::string::npos);
  nn::SwinUnetrOptions fixed = SmallNetwork();
  fixed.patch_merging = nn::PatchMerging::kFixed;
  EXPECT_TRUE(InitIsRefused(init, "assumed, the file does not say", fixed));
}

TEST(ApplyInit, AnotherNetworkIsAnErrorThatNamesTheOption) {
  nn::SwinUnetrOptions one_channel = SmallNetwork();
  one_channel.in_channels = 1;
  const InitOptions init{.mode = InitMode::kSap, .path = Write(FilledWeights(one_channel, kMark))};
  EXPECT_TRUE(InitIsRefused(init, "init.adapt_input_channels=true"));
  nn::SwinUnetrOptions wide = SmallNetwork();
  wide.feature_size = 24;
  EXPECT_TRUE(InitIsRefused(init, "another feature_size", wide));
  nn::SwinUnetrOptions v2 = SmallNetwork();
  v2.use_v2 = true;
  EXPECT_TRUE(InitIsRefused(init, "use_v2 false, the model has true", v2));
}

TEST(ApplyInit, InputChannelsAreAdaptedOnRequest) {
  nn::SwinUnetrOptions one_channel = SmallNetwork();
  one_channel.in_channels = 1;
  const std::string path = Write(FilledWeights(one_channel, kMark));
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report = ApplyInit(
      *model, {.mode = InitMode::kSap, .path = path, .strict = true, .adapt_input_channels = true});
  EXPECT_EQ(report.Count(LoadStatus::kAdapted), 3);
  const Tensor embed = StateOf(model, "swinViT.patch_embed.proj.weight");
  EXPECT_TRUE((embed == kMark / 2).all().item<bool>());
}

TEST(AdaptInputChannels, KeepsTheResponseToChannelsThatAreAlike) {
  for (const int64_t num_in_file : {1, 2, 3}) {
    const Tensor weight = at::rand({4, num_in_file, 2, 2, 2}, at::kDouble);
    for (const int64_t num_channels : {1, 2, 3, 5}) {
      const Tensor adapted = AdaptInputChannels(weight, num_channels);
      EXPECT_EQ(adapted.size(1), num_channels);
      EXPECT_TRUE(at::allclose(adapted.sum(1), weight.sum(1))) << num_in_file << num_channels;
    }
  }
}

TEST(ApplyInit, WrongShapesAndNonFiniteValuesAreNamed) {
  nn::NamedTensors weights = FilledWeights(SmallNetwork(), kMark);
  for (auto& [name, tensor] : weights.entries) {
    if (name == "decoder2.conv_block.conv1.conv.weight") tensor = at::zeros({1, 2});
  }
  EXPECT_TRUE(InitIsRefused({.mode = InitMode::kSap, .path = Write(weights)},
                            "decoder2.conv_block.conv1.conv.weight is float32[1, 2]"));
  weights = FilledWeights(SmallNetwork(), kMark);
  weights.entries[0].second.fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(InitIsRefused({.mode = InitMode::kSap, .path = Write(weights)}, "not finite"));
}

TEST(ApplyInit, NeedsAPath) {
  nn::SwinUnetr model(SmallNetwork());
  EXPECT_TRUE(Refuses(
      ErrorKind::kOption, [&] { ApplyInit(*model, {.mode = InitMode::kSsl}); }, "init.path"));
}

TEST(LoadExact, TakesTheHeadTooAndConvertsTypes) {
  nn::NamedTensors weights = FilledWeights(SmallNetwork(), kMark);
  for (auto& [name, tensor] : weights.entries) {
    if (name == "out.conv.conv.bias") tensor = tensor.to(at::kHalf);
  }
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report = LoadExact(*model, weights);
  EXPECT_EQ(NumMarkedParams(model), 4'078'496);
  EXPECT_EQ(report.Count(LoadStatus::kAdapted), 1);
}

TEST(LoadExact, AMissingOrExtraTensorIsAnError) {
  nn::SwinUnetr model(SmallNetwork());
  nn::NamedTensors missing = FilledWeights(SmallNetwork(), kMark);
  missing.entries.pop_back();
  EXPECT_TRUE(Refuses(
      ErrorKind::kInput, [&] { LoadExact(*model, missing); }, "out.conv.conv.bias"));
  nn::NamedTensors extra = FilledWeights(SmallNetwork(), kMark);
  extra.entries.emplace_back("decoder9.weight", at::zeros({1}));
  EXPECT_TRUE(Refuses(
      ErrorKind::kInput, [&] { LoadExact(*model, extra); }, "decoder9.weight"));
  EXPECT_EQ(NumMarkedParams(model), 0);
}

TEST(LoadReport, TextAndJsonNameEveryTensor) {
  const std::string path = Write(FilledWeights(SmallNetwork(), kMark));
  nn::SwinUnetr model(SmallNetwork());
  const LoadReport report = ApplyInit(*model, {.mode = InitMode::kSap, .path = path});
  const std::string text = report.Text();
  for (const auto& [name, tensor] : nn::StateDict(*model)) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
  const nlohmann::json json = report.Json();
  EXPECT_EQ(json["counts"]["loaded"], 157);
  EXPECT_EQ(json["tensors"].size(), report.entries.size());
  EXPECT_EQ(json["source"], "w.safetensors");
  EXPECT_EQ(json["sha256"].get<std::string>().size(), 64U);
}

}  // namespace
}  // namespace sap::transfer
