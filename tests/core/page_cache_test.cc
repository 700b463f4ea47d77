// SPDX-License-Identifier: Apache-2.0
#include "sap/core/page_cache.h"

#include <thread>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace sap {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

at::Tensor OfMib(int64_t mib) {
  return at::empty({mib * kMiB}, at::kByte);
}

class PageCacheTest : public ::testing::Test {
 protected:
  PageCacheTest() {
    InstallPageCache();
    TrimPageCache();
    ResetPageCachePeak();
    before_ = GetPageCacheStats();
  }
  PageCacheStats before_;
};

TEST_F(PageCacheTest, CountsBytesInUseAndTheirPeak) {
  {
    const at::Tensor a = OfMib(40);
    const at::Tensor b = OfMib(20);
    EXPECT_EQ(GetPageCacheStats().in_use_bytes - before_.in_use_bytes, 60 * kMiB);
  }
  EXPECT_EQ(GetPageCacheStats().in_use_bytes, before_.in_use_bytes);
  EXPECT_EQ(GetPageCacheStats().peak_in_use_bytes - before_.in_use_bytes, 60 * kMiB);
}

TEST_F(PageCacheTest, FreedMemoryIsReusedWithoutAskingTheSystem) {
  const void* first = OfMib(64).data_ptr();
  const int64_t maps = GetPageCacheStats().num_maps;
  EXPECT_EQ(OfMib(64).data_ptr(), first);
  EXPECT_EQ(GetPageCacheStats().num_maps, maps);
}

TEST_F(PageCacheTest, OneFreedBlockServesTwoSmallerOnesAndIsWholeAgainAfterwards) {
  { const at::Tensor large = OfMib(96); }
  const int64_t maps = GetPageCacheStats().num_maps;
  {
    const at::Tensor a = OfMib(40);
    const at::Tensor b = OfMib(50);
  }
  const at::Tensor large = OfMib(96);
  EXPECT_EQ(GetPageCacheStats().num_maps, maps);
}

TEST_F(PageCacheTest, BlocksThatLiveTogetherDoNotOverlap) {
  std::vector<at::Tensor> blocks;
  for (int64_t i = 0; i < 24; ++i) {
    blocks.push_back(at::full({(1 + i % 5) * kMiB}, i, at::kByte));
    if (i % 3 == 2) blocks.erase(blocks.begin());
  }
  for (const at::Tensor& block : blocks) {
    EXPECT_TRUE(block.eq(block[0]).all().item<bool>());
  }
}

TEST_F(PageCacheTest, TrimKeepsNoMoreThanAsked) {
  { const at::Tensor large = OfMib(100); }
  EXPECT_GE(GetPageCacheStats().kept_bytes, 100 * kMiB);
  TrimPageCache();
  EXPECT_EQ(GetPageCacheStats().kept_bytes, 0);
}

TEST_F(PageCacheTest, TrimGivesBackNoMoreThanItMust) {
  { const at::Tensor large = OfMib(100); }
  TrimPageCache(60 * kMiB);
  EXPECT_LE(GetPageCacheStats().kept_bytes, 60 * kMiB);
  EXPECT_GT(GetPageCacheStats().kept_bytes, 56 * kMiB);  // whole huge pages of 2 MiB
  const int64_t maps = GetPageCacheStats().num_maps;
  const at::Tensor rest = OfMib(50);
  EXPECT_EQ(GetPageCacheStats().num_maps, maps);
}

TEST_F(PageCacheTest, ExchangeHoldsNoMoreThanTheLargestNeed) {
  SetPageCacheExchange(true);
  for (int64_t mib = 40; mib < 300; mib += 52) {  // none fits into what an earlier one left
    const at::Tensor block = OfMib(mib);
    const PageCacheStats now = GetPageCacheStats();
    EXPECT_LE(now.in_use_bytes - before_.in_use_bytes + now.kept_bytes, (mib + 4) * kMiB);
  }
  SetPageCacheExchange(false);
}

TEST_F(PageCacheTest, TensorsMayBeFreedByAnotherThread) {
  at::Tensor mine = OfMib(32);
  std::thread([moved = std::move(mine)]() mutable { moved.reset(); }).join();
  EXPECT_EQ(GetPageCacheStats().in_use_bytes, before_.in_use_bytes);
}

TEST_F(PageCacheTest, DataIsAlignedForEveryVectorWidth) {
  for (const int64_t bytes : {int64_t{1}, int64_t{1000}, kMiB, 3 * kMiB + 1}) {
    const at::Tensor block = at::empty({bytes}, at::kByte);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data_ptr()) % 64, 0u) << bytes;
  }
}

TEST_F(PageCacheTest, EmptyTensorsNeedNoMemory) {
  EXPECT_EQ(at::empty({0}).numel(), 0);
  EXPECT_EQ(GetPageCacheStats().in_use_bytes, before_.in_use_bytes);
}

}  // namespace
}  // namespace sap
