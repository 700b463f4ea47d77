// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/bottleneck.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/tensor_near.h"

namespace sap::nn {
namespace {

BottleneckNet SmallNet() {
  at::manual_seed(3);
  BottleneckNet net(SwinUnetrOptions{.feature_size = 12});
  net->eval();
  return net;
}

Tensor Image(int64_t batch, int64_t depth) {
  at::manual_seed(4);
  return at::rand({batch, 2, 32, 32, depth});
}

TEST(BottleneckNet, PoolsTheDeepestHiddenStateOfTheEncoder) {
  const at::NoGradGuard no_grad;
  BottleneckNet net = SmallNet();
  const Tensor image_BCXYZ = Image(2, 64);
  const auto encoder = std::dynamic_pointer_cast<SwinEncoderImpl>(net->children().at(0));
  const Tensor h4_BEXYZ = encoder->forward(image_BCXYZ).back();
  ASSERT_EQ(h4_BEXYZ.sizes(), (std::vector<int64_t>{2, 192, 1, 1, 2}));
  const Tensor first_BE = h4_BEXYZ.select(4, 0).reshape({2, 192});
  const Tensor second_BE = h4_BEXYZ.select(4, 1).reshape({2, 192});
  EXPECT_TRUE(testing::TensorNear(net->forward(image_BCXYZ, Pooling::kMean),
                                  (first_BE + second_BE) / 2,
                                  testing::Tolerance(at::kFloat)));
  EXPECT_TRUE(
      at::equal(net->forward(image_BCXYZ, Pooling::kMax), at::maximum(first_BE, second_BE)));
  EXPECT_TRUE(at::equal(net->forward(image_BCXYZ, Pooling::kFirst), first_BE));
}

TEST(BottleneckNet, StateHasTheNamesOfTheWholeNetworksEncoder) {
  for (const auto& item : SmallNet()->named_parameters()) {
    EXPECT_EQ(item.key().rfind("swinViT.", 0), 0U) << item.key();
  }
}

TEST(BottleneckNet, AVectorDoesNotDependOnItsNeighboursInTheBatch) {
  const at::NoGradGuard no_grad;
  BottleneckNet net = SmallNet();
  const Tensor image_BCXYZ = Image(3, 32);
  const Tensor all_BE = net->forward(image_BCXYZ, Pooling::kMean);
  const Tensor one_E = net->forward(image_BCXYZ.slice(0, 1, 2), Pooling::kMean)[0];
  EXPECT_TRUE(testing::TensorNear(all_BE[1], one_E, testing::Tolerance(at::kFloat)));
}

}  // namespace
}  // namespace sap::nn
