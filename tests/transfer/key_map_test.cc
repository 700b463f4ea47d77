// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/key_map.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transfer/transfer_builders.h"

namespace sap::transfer {
namespace {

using ::testing::ElementsAre;
using testing::FilledWeights;
using testing::Refuses;
using testing::RenameAll;
using testing::SmallNetwork;

nn::NamedTensors Named(const std::vector<std::string>& names) {
  nn::NamedTensors weights;
  for (const std::string& name : names) weights.entries.emplace_back(name, at::zeros({1}));
  return weights;
}

std::vector<std::string> Mapped(const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const auto& entry : MapKeys(Named(names)).weights.entries) result.push_back(entry.first);
  return result;
}

TEST(CanonicalName, BringsOldNamesToCurrentOnes) {
  EXPECT_EQ(CanonicalName("swin_vit.layers1.0.blocks.0.mlp.fc1.weight"),
            "swinViT.layers1.0.blocks.0.mlp.linear1.weight");
  EXPECT_EQ(CanonicalName("swinViT.layers4.0.blocks.1.mlp.fc2.bias"),
            "swinViT.layers4.0.blocks.1.mlp.linear2.bias");
  EXPECT_EQ(CanonicalName("decoder1.transp_conv.conv.weight"), "decoder1.transp_conv.conv.weight");
}

TEST(MapKeys, ACurrentStateDictStaysAsItIs) {
  const nn::NamedTensors weights = FilledWeights(SmallNetwork(), 1.0);
  const MappedWeights mapped = MapKeys(weights);
  ASSERT_EQ(mapped.weights.entries.size(), nn::kNumEntries);
  for (std::size_t i = 0; i < weights.entries.size(); ++i) {
    EXPECT_EQ(mapped.weights.entries[i].first, weights.entries[i].first);
  }
  EXPECT_EQ(mapped.layout, "Swin UNETR");
  EXPECT_TRUE(mapped.dropped.empty());
}

TEST(MapKeys, StripsPrefixesThatAllNamesCarry) {
  EXPECT_THAT(Mapped({"module.backbone.swinViT.a", "module.backbone.out.b"}),
              ElementsAre("swinViT.a", "out.b"));
  EXPECT_THAT(Mapped({"module.swinViT.a", "out.b"}), ElementsAre("module.swinViT.a", "out.b"));
}

TEST(MapKeys, ReadsNvidiasEncoderWithoutPrefix) {
  EXPECT_THAT(Mapped({"module.patch_embed.proj.weight",
                      "module.layers1.0.blocks.0.mlp.fc1.weight",
                      "module.norm.weight"}),
              ElementsAre("swinViT.patch_embed.proj.weight",
                          "swinViT.layers1.0.blocks.0.mlp.linear1.weight"));
}

TEST(MapKeys, ReadsTheDisruptiveAutoencoder) {
  EXPECT_THAT(Mapped({"encoder.patch_embed.proj.weight",
                      "encoder.layers1.0.0.blocks.0.attn.qkv.weight",
                      "encoder.layers4.0.0.downsample.norm.bias",
                      "encoder.mask_token"}),
              ElementsAre("swinViT.patch_embed.proj.weight",
                          "swinViT.layers1.0.blocks.0.attn.qkv.weight",
                          "swinViT.layers4.0.downsample.norm.bias"));
}

TEST(MapKeys, DropsHeadsAndUnreadTensorsWithTheirReason) {
  const MappedWeights mapped = MapKeys(Named({"swinViT.patch_embed.proj.bias",
                                              "rotation_head.weight",
                                              "contrastive_head.bias",
                                              "conv.0.weight",
                                              "encoder2.layer.conv3.conv.weight",
                                              "encoder1.layer.conv3.conv.weight"}));
  EXPECT_EQ(mapped.weights.entries.size(), 2U);
  ASSERT_EQ(mapped.dropped.size(), 4U);
  EXPECT_EQ(mapped.dropped[0].second, "head of self-supervised training");
  EXPECT_EQ(mapped.dropped[3].second, "convolution of releases before 0.9, not read");
  EXPECT_EQ(mapped.layout, "SSL pretraining (SSLHead)");
}

TEST(MapKeys, KeepsTheHeadsOfPretrainingOnRequest) {
  const MappedWeights mapped = MapKeys(Named({"module.swin_vit.patch_embed.proj.bias",
                                              "module.rotation_head.weight",
                                              "module.contrastive_head.bias",
                                              "module.conv.0.weight"}),
                                       PretrainingHeads::kKeep);
  std::vector<std::string> names;
  for (const auto& entry : mapped.weights.entries) names.push_back(entry.first);
  EXPECT_THAT(names,
              ElementsAre("swinViT.patch_embed.proj.bias",
                          "rotation_head.weight",
                          "contrastive_head.bias",
                          "conv.0.weight"));
  EXPECT_TRUE(mapped.dropped.empty());
}

TEST(MapKeys, RefusesTwoNamesThatBecomeOne) {
  EXPECT_TRUE(Refuses(
      ErrorKind::kInput,
      [] {
        MapKeys(Named({"swin_vit.a", "swinViT.a"}));
      },
      "'swin_vit.a' and as 'swinViT.a'"));
}

TEST(SslLayout, IsTheEncoderUnderTheNamesThatLoadFromReads) {
  const nn::NamedTensors ssl = SslLayout(FilledWeights(SmallNetwork(), 1.0));
  EXPECT_EQ(ssl.entries.size(), 126U);
  EXPECT_EQ(ssl.entries[0].first, "module.patch_embed.proj.weight");
  EXPECT_NE(ssl.Find("module.layers1.0.blocks.0.mlp.fc1.weight"), nullptr);
  EXPECT_EQ(MapKeys(ssl).weights.entries.size(), 126U);
}

}  // namespace
}  // namespace sap::transfer
