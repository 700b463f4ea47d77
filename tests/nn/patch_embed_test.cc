// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/patch_embed.h"

#include <set>
#include <tuple>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/enum_names.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

int64_t NumDistinct(PatchMerging order) {
  std::set<std::tuple<int64_t, int64_t, int64_t>> distinct;
  for (const XyzInt& o : MergingOffsets(order)) distinct.insert({o.x, o.y, o.z});
  return static_cast<int64_t>(distinct.size());
}

TEST(PatchMerge, LegacyReadsTwoNeighboursTwiceAndTwoNever) {
  EXPECT_EQ(NumDistinct(PatchMerging::kLegacy), 6);
  EXPECT_EQ(NumDistinct(PatchMerging::kFixed), 8);
  EXPECT_EQ(NumDistinct(PatchMerging::kV2), 8);
}

TEST(PatchMerge, StacksNeighboursInTheGivenOrder) {
  for (const auto& [order, name] : EnumNames<PatchMerging>::kNames) {
    torch::manual_seed(1);
    PatchMerge merge(3, order);
    const Tensor x = at::randn({1, 4, 4, 6, 3});
    std::vector<Tensor> stacked;
    for (const XyzInt& o : MergingOffsets(order)) {
      stacked.push_back(x[0][2 + o.x][0 + o.y][4 + o.z]);
    }
    const Tensor row = at::layer_norm(at::cat(stacked), {24});
    const Tensor expected = at::linear(row, merge->named_parameters()["reduction.weight"]);
    const Tensor out = merge->forward(x);
    EXPECT_EQ(out.sizes().vec(), (std::vector<int64_t>{1, 2, 2, 3, 6}));
    EXPECT_TRUE(testing::TensorNear(out[0][1][0][2], expected, 1e-6)) << name;
  }
}

TEST(PatchMerge, PadsOddSizesWithZerosAtTheHighEnd) {
  torch::manual_seed(2);
  PatchMerge merge(3, PatchMerging::kFixed);
  const Tensor x = at::randn({1, 3, 4, 5, 3});
  const Tensor padded = at::constant_pad_nd(x, {0, 0, 0, 1, 0, 0, 0, 1});
  EXPECT_TRUE(merge->forward(x).equal(merge->forward(padded)));
}

TEST(PatchEmbed, PadsOddSizesWithZerosAtTheHighEnd) {
  torch::manual_seed(3);
  PatchEmbed embed(2, 12);
  const Tensor x = at::randn({1, 2, 5, 4, 7});
  const Tensor out = embed->forward(x);
  EXPECT_EQ(out.sizes().vec(), (std::vector<int64_t>{1, 12, 3, 2, 4}));
  const Tensor padded = at::constant_pad_nd(x, {0, 1, 0, 0, 0, 1});
  EXPECT_TRUE(out.equal(embed->forward(padded)));
}

}  // namespace
}  // namespace sap::nn
