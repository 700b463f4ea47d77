// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/window.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/grad_check.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

WindowMap MapOf(const XyzInt& grid, bool shifted) {
  return BuildWindowMap(PlanWindows(grid, shifted), c10::Device(at::kCPU));
}

// Number of token pairs that attention must not see, and of windows that have any.
std::pair<int64_t, int64_t> CountMaskedPairs(const WindowMap& map) {
  const Tensor different_WNN = map.region_WN->unsqueeze(1).ne(map.region_WN->unsqueeze(2));
  const Tensor per_window_W = different_WNN.flatten(1).sum(1);
  return {per_window_W.sum().item<int64_t>(), per_window_W.gt(0).sum().item<int64_t>()};
}

// Check values of swin_unetr §1.4.
TEST(Window, MaskHasMonaisCounts) {
  const auto counts = [](const XyzInt& grid) { return CountMaskedPairs(MapOf(grid, true)); };
  EXPECT_EQ(counts({48, 48, 48}), std::make_pair(int64_t{7'891'848}, int64_t{127}));
  EXPECT_EQ(counts({24, 24, 24}), std::make_pair(int64_t{2'441'088}, int64_t{37}));
  EXPECT_EQ(counts({12, 12, 12}), std::make_pair(int64_t{535'968}, int64_t{7}));
  EXPECT_EQ(counts({14, 14, 6}), std::make_pair(int64_t{148'608}, int64_t{3}));
}

TEST(Window, LastWindowOfTheLargestGridMasksMostPairs) {
  const WindowMap map = MapOf({48, 48, 48}, true);
  const Tensor last_N = (*map.region_WN)[342];
  EXPECT_EQ(last_N.unsqueeze(0).ne(last_N.unsqueeze(1)).sum().item<int64_t>(), 102'024);
}

TEST(Window, ShortAxesAreOneWindowAndAreNotShifted) {
  const WindowGeometry g = PlanWindows({14, 7, 4}, true);
  EXPECT_EQ(g.window, (XyzInt{7, 7, 4}));
  EXPECT_EQ(g.shift, (XyzInt{3, 0, 0}));
  EXPECT_EQ(g.padded, (XyzInt{14, 7, 4}));
  EXPECT_FALSE(PlanWindows({7, 7, 7}, true).IsShifted());
  EXPECT_FALSE(PlanWindows({48, 48, 48}, false).IsShifted());
  EXPECT_FALSE(MapOf({6, 6, 6}, true).region_WN.has_value());
}

TEST(Window, PadsAtTheHighEndToWholeWindows) {
  const WindowGeometry g = PlanWindows({48, 24, 12}, false);
  EXPECT_EQ(g.padded, (XyzInt{49, 28, 14}));
  EXPECT_EQ(g.NumWindows(), 7 * 4 * 2);
}

// The published sequence, step by step: pad, roll, partition.
Tensor NaivePartition(const Tensor& x_BXYZE, const WindowGeometry& g) {
  Tensor x = at::constant_pad_nd(
      x_BXYZE,
      {0, 0, 0, g.padded.z - g.grid.z, 0, g.padded.y - g.grid.y, 0, g.padded.x - g.grid.x});
  x = x.roll({-g.shift.x, -g.shift.y, -g.shift.z}, {1, 2, 3});
  const XyzInt n = g.WindowCounts();
  return x.view({x.size(0), n.x, g.window.x, n.y, g.window.y, n.z, g.window.z, x.size(4)})
      .permute({0, 1, 3, 5, 2, 4, 6, 7})
      .reshape({-1, g.TokensPerWindow(), x.size(4)});
}

TEST(Window, PartitionIsPadRollAndCut) {
  for (const bool shifted : {false, true}) {
    for (const XyzInt& grid : {XyzInt{8, 14, 5}, XyzInt{9, 9, 16}, XyzInt{6, 6, 6}}) {
      const WindowMap map = MapOf(grid, shifted);
      const Tensor x = at::arange(2 * grid.Product() * 3, at::kDouble) + 1.0;
      const Tensor x_BXYZE = x.view({2, grid.x, grid.y, grid.z, 3});
      const Tensor zero_E = at::zeros({3}, at::kDouble);
      const Tensor windows = PartitionWindows(x_BXYZE.flatten(1, 3), zero_E, map);
      EXPECT_TRUE(windows.equal(NaivePartition(x_BXYZE, map.geometry)));
      EXPECT_TRUE(ReverseWindows(windows, map).equal(x_BXYZE.flatten(1, 3)));
    }
  }
}

TEST(Window, PaddingTokensTakeTheGivenRow) {
  const WindowMap map = MapOf({8, 7, 7}, true);
  const Tensor row_E = at::tensor({2.5, -1.0});
  const Tensor windows =
      PartitionWindows(at::zeros({1, 8 * 49, 2}, at::kFloat), row_E.to(at::kFloat), map);
  const Tensor flat = windows.flatten(0, 1);
  EXPECT_EQ(map.padding_P.numel(), 6 * 49);
  EXPECT_EQ(flat.select(1, 0).eq(2.5).sum().item<int64_t>(), 6 * 49);
  EXPECT_EQ(flat.select(1, 1).eq(-1.0).sum().item<int64_t>(), 6 * 49);
}

TEST(Window, GradientsOfPartitionAndReverseMatchDifferences) {
  const WindowMap map = MapOf({8, 9, 3}, true);
  const int64_t rows = map.geometry.NumWindows() * map.geometry.TokensPerWindow();
  testing::ExpectGradientsMatch(
      [&map](const std::vector<Tensor>& in) { return PartitionWindows(in[0], in[1], map); },
      {at::rand({2, 8 * 9 * 3, 2}, at::kDouble), at::rand({2}, at::kDouble)});
  testing::ExpectGradientsMatch(
      [&map](const std::vector<Tensor>& in) { return ReverseWindows(in[0], map); },
      {at::rand({2 * map.geometry.NumWindows(), rows / map.geometry.NumWindows(), 2},
                at::kDouble)});
}

TEST(Window, CacheReturnsTheSameMapForTheSameGrid) {
  WindowMapCache cache;
  const c10::Device cpu(at::kCPU);
  const auto first = cache.Get({8, 8, 8}, true, cpu);
  EXPECT_EQ(first, cache.Get({8, 8, 8}, true, cpu));
  EXPECT_NE(first, cache.Get({8, 8, 8}, false, cpu));
  EXPECT_NE(first, cache.Get({8, 8, 9}, true, cpu));
}

}  // namespace
}  // namespace sap::nn
