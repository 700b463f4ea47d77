// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/param_groups.h"

#include <gtest/gtest.h>

#include "network_builders.h"

namespace sap::nn {
namespace {

int64_t CountElements(const ParamGroup& group) {
  int64_t count = 0;
  for (const Tensor& parameter : group.parameters) count += parameter.numel();
  return count;
}

TEST(ParamGroups, SplitAsTheAuthorsDo) {
  const SwinUnetr network(SmallOptions());
  const auto groups = EncoderDecoderGroups(*network);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].name, "encoder");
  EXPECT_EQ(groups[0].parameters.size(), 118U + 11U);
  EXPECT_EQ(groups[1].parameters.size(), 22U);
  EXPECT_EQ(CountElements(groups[0]), 2'853'606);
  EXPECT_EQ(CountElements(groups[1]), 1'224'890);
  for (const std::string& name : groups[1].parameter_names) {
    EXPECT_TRUE(name.starts_with("decoder") || name.starts_with("out.")) << name;
  }
}

TEST(ParamGroups, SingleGroupHoldsEveryParameterInOrder) {
  const SwinUnetr network(SmallOptions());
  const auto groups = SingleGroup(*network);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].parameters.size(), 151U);
  EXPECT_EQ(groups[0].parameter_names.front(), "swinViT.patch_embed.proj.weight");
  EXPECT_EQ(groups[0].parameter_names.back(), "out.conv.conv.bias");
}

TEST(ParamGroups, SplitOffHeadMovesTheOutputLayerAlone) {
  const SwinUnetr network(SmallOptions());
  const auto groups = SplitOffHead(EncoderDecoderGroups(*network));
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].parameters.size(), 129U);
  EXPECT_EQ(groups[1].parameters.size(), 20U);
  EXPECT_EQ(groups[2].name, "head");
  EXPECT_EQ(groups[2].parameter_names,
            (std::vector<std::string>{"out.conv.conv.weight", "out.conv.conv.bias"}));
}

}  // namespace
}  // namespace sap::nn
