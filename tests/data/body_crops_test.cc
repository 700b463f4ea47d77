// SPDX-License-Identifier: Apache-2.0
#include "sap/data/body_crops.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tiny_store.h"

namespace sap::data {
namespace {

using ::testing::HasSubstr;

constexpr XyzInt kSize = {24, 20, 20};

EpochPlan Plan(const VolumeStore& store, int64_t num_batches, int64_t crops, uint64_t epoch) {
  return PlanBodyCrops(store, AllCases(store), {kSize, num_batches, crops}, /*seed=*/5, epoch);
}

TEST(PlanBodyCrops, EveryCropLiesInTheVolumeAndHoldsBody) {
  const auto store = TinyStore();
  const EpochPlan plan = Plan(*store, 100, 2, 0);
  ASSERT_EQ(plan.size(), 200U);
  std::set<std::array<int64_t, 3>> places;
  for (const PatchRequest& crop : plan) {
    const auto case_idx = static_cast<std::size_t>(crop.case_idx);
    const XyzInt& volume = store->CaseAt(case_idx).size_vox;
    Box box{crop.begin_vox, {}};
    places.insert({box.begin_vox.x, box.begin_vox.y, box.begin_vox.z});
    bool touches_border = false;
    for (std::size_t a = 0; a < 3; ++a) {
      box.end_vox[a] = crop.begin_vox[a] + kSize[a];
      EXPECT_GE(crop.begin_vox[a], 0);
      EXPECT_LE(box.end_vox[a], volume[a]);
      touches_border = touches_border || crop.begin_vox[a] == 0 || box.end_vox[a] == volume[a];
    }
    // Away from the border the body voxel is the middle itself.
    Box middle = box;
    for (std::size_t a = 0; a < 3 && !touches_border; ++a) {
      middle.begin_vox[a] = crop.begin_vox[a] + kSize[a] / 2;
      middle.end_vox[a] = middle.begin_vox[a] + 1;
    }
    EXPECT_GE(store->CountBody(case_idx, middle), 1);
  }
  EXPECT_GT(places.size(), 100U);
}

TEST(PlanBodyCrops, CropsOfABatchComeFromDifferentCases) {
  const auto store = TinyStore();  // four cases
  const EpochPlan plan = Plan(*store, 50, 3, 0);
  std::map<int32_t, int> count;
  for (std::size_t batch = 0; batch < 50; ++batch) {
    std::set<int32_t> cases;
    for (std::size_t k = 0; k < 3; ++k) cases.insert(plan[3 * batch + k].case_idx);
    EXPECT_EQ(cases.size(), 3U);
    for (const int32_t case_idx : cases) ++count[case_idx];
  }
  for (const auto& [case_idx, n] : count) EXPECT_NEAR(n, 37.5, 12) << case_idx;
}

TEST(PlanBodyCrops, ABatchLargerThanTheCohortStartsItOver) {
  const auto store = TinyStore({.num_cases = 2});
  std::map<int32_t, int> count;
  for (const PatchRequest& crop : Plan(*store, 1, 5, 0)) ++count[crop.case_idx];
  EXPECT_EQ(count[0] + count[1], 5);
  EXPECT_EQ(std::abs(count[0] - count[1]), 1);
}

TEST(PlanBodyCrops, IsAFunctionOfSeedEpochAndSample) {
  const auto store = TinyStore();
  const EpochPlan plan = Plan(*store, 6, 2, 3);
  EXPECT_EQ(plan, Plan(*store, 6, 2, 3));
  EXPECT_NE(plan, Plan(*store, 6, 2, 4));
  const EpochPlan longer = Plan(*store, 9, 2, 3);
  EXPECT_TRUE(std::equal(plan.begin(), plan.end(), longer.begin()));
  for (std::size_t i = 0; i < plan.size(); ++i) EXPECT_EQ(plan[i].sample_id, i);
}

TEST(PlanBodyCrops, SaysWhenThereIsNoCase) {
  const auto store = TinyStore({.num_cases = 1});
  const Thrown thrown = ErrorOf([&] { PlanBodyCrops(*store, {}, {kSize, 1, 2}, 0, 0); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("no case is left"));
}

}  // namespace
}  // namespace sap::data
