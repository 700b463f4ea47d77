// SPDX-License-Identifier: Apache-2.0
#include "sap/data/feature_patches.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tiny_store.h"

namespace sap::data {
namespace {

using ::testing::HasSubstr;

constexpr XyzInt kPatch = {16, 16, 16};

struct Stores {
  std::shared_ptr<const VolumeStore> lesions;
  std::shared_ptr<const VolumeStore> bones;
};

Stores MakeStores(const testing::TinyCohortOptions& tiny) {
  const std::filesystem::path folder = testing::FreshFolder();
  testing::MakeTinyCohort(folder / "cohort", tiny);
  CohortOptions options = OptionsFor(folder / "cohort");
  const StoreOptions store{.cache_dir = (folder / "store").string()};
  Stores stores;
  stores.lesions = OpenOrBuildStore(LoadCohort(options), store);
  options.label = "skeleton";
  options.labels.scheme = LabelScheme::kSkeleton;
  stores.bones = OpenOrBuildStore(LoadCohort(options), store);
  return stores;
}

TEST(PlanFeaturePatches, EachLesionOnceAndAsManyHealthyPatchesOfBone) {
  const Stores stores = MakeStores({.num_cases = 3, .size_vox = {64, 64, 96}});
  const EpochPlan plan = PlanFeaturePatches(*stores.lesions, *stores.bones, kPatch, 5);
  ASSERT_EQ(plan.size(), 12U);  // 3 cases x 2 lesions, and as many again
  for (std::size_t k = 0; k < plan.size(); ++k) {
    const PatchRequest& request = plan[k];
    const auto case_idx = static_cast<std::size_t>(request.case_idx);
    const Box box = {
        request.begin_vox,
        {request.begin_vox.x + 16, request.begin_vox.y + 16, request.begin_vox.z + 16}};
    EXPECT_EQ(request.sample_id, k);
    EXPECT_EQ(request.lesion_idx >= 0, k < 6);
    EXPECT_EQ(stores.lesions->CountLabel(case_idx, box) > 0, k < 6) << k;
    if (k >= 6) {
      EXPECT_GT(stores.bones->CountLabel(case_idx, box), 0) << k;
    }
  }
}

TEST(PlanFeaturePatches, FollowsFromTheSeedAlone) {
  const Stores stores = MakeStores({.num_cases = 2, .size_vox = {64, 64, 96}});
  const auto plan = [&](uint64_t seed) {
    return PlanFeaturePatches(*stores.lesions, *stores.bones, kPatch, seed);
  };
  EXPECT_EQ(plan(1), plan(1));
  EXPECT_NE(plan(1), plan(2));
}

TEST(PlanFeaturePatches, SaysWhenThereIsNoLesionOrNoHealthyBone) {
  const Stores healthy = MakeStores({.num_cases = 1, .lesions_per_case = 0});
  const Thrown none =
      ErrorOf([&] { PlanFeaturePatches(*healthy.lesions, *healthy.bones, kPatch, 1); });
  EXPECT_EQ(none.kind, ErrorKind::kInput);
  EXPECT_THAT(none.text, HasSubstr("no case has a lesion"));
  const Stores small = MakeStores({.num_cases = 1, .size_vox = {40, 40, 40}});
  const Thrown full = ErrorOf([&] {
    PlanFeaturePatches(*small.lesions, *small.bones, {40, 40, 40}, 1);
  });
  EXPECT_EQ(full.kind, ErrorKind::kInput);
  EXPECT_THAT(full.text, HasSubstr("make roi_size smaller"));
}

TEST(PlanFeaturePatches, RefusesStoresOfOtherCases) {
  const Stores two = MakeStores({.num_cases = 2});
  const Stores one = MakeStores({.num_cases = 1});
  const Thrown other = ErrorOf([&] { PlanFeaturePatches(*two.lesions, *one.bones, kPatch, 1); });
  EXPECT_THAT(other.text, HasSubstr("different cases (2 and 1)"));
}

}  // namespace
}  // namespace sap::data
