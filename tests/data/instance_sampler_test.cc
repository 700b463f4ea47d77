// SPDX-License-Identifier: Apache-2.0
#include "sap/data/instance_sampler.h"

#include <map>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/patch_placement.h"
#include "data/tiny_store.h"
#include "sap/image/volume_io.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr XyzInt kPatch = {16, 16, 16};

SamplerOptions Small(SamplerMode mode = SamplerMode::kFixed) {
  SamplerOptions options;
  options.patch_size_vox = kPatch;
  options.mode = mode;
  return options;
}

std::map<std::pair<int, int>, int> PositivesOf(const EpochPlan& plan) {
  std::map<std::pair<int, int>, int> seen;
  for (const PatchRequest& r : plan) {
    if (r.lesion_idx >= 0) ++seen[{r.case_idx, r.lesion_idx}];
  }
  return seen;
}

std::vector<PatchRequest> NegativesOf(EpochPlan plan) {
  std::erase_if(plan, [](const PatchRequest& r) { return r.lesion_idx >= 0; });
  std::sort(plan.begin(), plan.end(), [](const auto& a, const auto& b) {
    return a.sample_id < b.sample_id;
  });
  return plan;
}

// One case whose labels are the given boxes, without a body file.
std::shared_ptr<const VolumeStore> StoreWithBoxes(const XyzInt& size,
                                                  const std::vector<Box>& boxes) {
  const fs::path folder = testing::FreshFolder();
  const fs::path place = folder / "cohort" / "case_00";
  fs::create_directories(place);
  Geometry grid;
  grid.size_vox = size;
  const Tensor t1 = at::ones({size.x, size.y, size.z});
  Tensor gt = at::zeros({size.x, size.y, size.z}, at::kByte);
  for (const Box& b : boxes) {
    gt.slice(0, b.begin_vox.x, b.end_vox.x)
        .slice(1, b.begin_vox.y, b.end_vox.y)
        .slice(2, b.begin_vox.z, b.end_vox.z)
        .fill_(1);
  }
  WriteVolume(place / "T1.nii.gz", Volume(t1, grid));
  WriteVolume(place / "b1000.nii.gz", Volume(t1, grid));
  WriteVolume(place / "GT.nii.gz", Volume(gt, grid));
  StoreOptions options;
  options.cache_dir = (folder / "store").string();
  return OpenOrBuildStore(LoadCohort(OptionsFor(folder / "cohort")), options);
}

TEST(LesionEpoch, EachLesionComesExactlyOnceOverAllRanks) {
  const auto store = TinyStore({.num_cases = 5, .lesions_per_case = 3});
  for (const SamplerMode mode : {SamplerMode::kFixed, SamplerMode::kIntended}) {
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      const EpochPlan plan = PlanLesionEpoch(*store, AllCases(*store), Small(mode), 1, epoch);
      for (int world = 1; world <= 4; ++world) {
        EpochPlan all;
        std::set<std::size_t> lengths;
        for (int rank = 0; rank < world; ++rank) {
          const EpochPlan shard = ShardPlan(plan, rank, world);
          lengths.insert(shard.size());
          all.insert(all.end(), shard.begin(), shard.end());
        }
        EXPECT_EQ(lengths.size(), 1U) << "ranks must take the same number of steps";
        const auto seen = PositivesOf(all);
        EXPECT_EQ(seen.size(), 15U);
        for (const auto& [lesion, count] : seen) EXPECT_EQ(count, 1);
        std::set<uint64_t> ids;
        for (const PatchRequest& r : all) ids.insert(r.sample_id);
        EXPECT_EQ(ids.size(), all.size()) << "sample ids must be unique";
      }
    }
  }
}

TEST(LesionEpoch, EachPositiveHoldsAVoxelOfItsLesion) {
  // At corners, faces and the middle; the last is longer than the patch.
  const auto store = StoreWithBoxes({64, 48, 80},
                                    {{{0, 0, 0}, {3, 3, 3}},
                                     {{63, 47, 79}, {64, 48, 80}},
                                     {{30, 0, 40}, {34, 2, 43}},
                                     {{20, 20, 10}, {24, 24, 60}}});
  ASSERT_EQ(store->CaseAt(0).lesions.size(), 4U);
  for (uint64_t epoch = 0; epoch < 50; ++epoch) {
    for (const PatchRequest& r : PlanLesionEpoch(*store, {0}, Small(), 1, epoch)) {
      if (r.lesion_idx < 0) continue;
      const Box patch = PatchBox(r.begin_vox, kPatch);
      const auto& anchors =
          store->CaseAt(0).lesions[static_cast<std::size_t>(r.lesion_idx)].anchors_vox;
      EXPECT_TRUE(std::any_of(
          anchors.begin(), anchors.end(), [&](const XyzInt& v) { return patch.Contains(v); }))
          << "lesion " << r.lesion_idx << " epoch " << epoch;
      EXPECT_GE(r.begin_vox.x, 0);
      EXPECT_LE(r.begin_vox.z, 80 - 16);
    }
  }
}

TEST(LesionEpoch, CropsOfALargeLesionReachItsWholeLength) {
  const auto store = StoreWithBoxes({48, 48, 96}, {{{20, 20, 8}, {26, 26, 90}}});
  int64_t lowest = 1000;
  int64_t highest = -1;
  for (uint64_t epoch = 0; epoch < 60; ++epoch) {
    for (const PatchRequest& r : PlanLesionEpoch(*store, {0}, Small(), 1, epoch)) {
      if (r.lesion_idx < 0) continue;
      lowest = std::min(lowest, r.begin_vox.z);
      highest = std::max(highest, r.begin_vox.z + kPatch.z);
    }
  }
  EXPECT_LE(lowest, 8);
  EXPECT_GE(highest, 85);
}

TEST(LesionEpoch, NegativesHoldBodyAndNoLesion) {
  const auto store = TinyStore({.num_cases = 3, .lesions_per_case = 3});
  SamplerOptions options = Small();
  options.negatives_per_positive = 2;
  const EpochPlan plan = PlanLesionEpoch(*store, AllCases(*store), options, 1, 0);
  const auto negatives = NegativesOf(plan);
  EXPECT_EQ(negatives.size(), 18U);
  for (const PatchRequest& r : negatives) {
    const auto i = static_cast<std::size_t>(r.case_idx);
    EXPECT_EQ(store->LabelPatch(i, r.begin_vox, kPatch).sum().item<int64_t>(), 0);
    EXPECT_GE(store->CountBody(i, PatchBox(r.begin_vox, kPatch)), 409);  // a tenth of 16^3
  }
}

TEST(LesionEpoch, FixedDrawsNegativesAnewAndCompatFreezesEverything) {
  const auto store = TinyStore({.num_cases = 3, .lesions_per_case = 3});
  const auto plan = [&](SamplerMode mode, uint64_t epoch) {
    return PlanLesionEpoch(*store, AllCases(*store), Small(mode), 1, epoch);
  };
  EXPECT_NE(NegativesOf(plan(SamplerMode::kFixed, 0)), NegativesOf(plan(SamplerMode::kFixed, 1)));
  EXPECT_NE(NegativesOf(plan(SamplerMode::kIntended, 0)),
            NegativesOf(plan(SamplerMode::kIntended, 1)));
  EXPECT_EQ(plan(SamplerMode::kCompat, 0), plan(SamplerMode::kCompat, 5));
  EXPECT_EQ(plan(SamplerMode::kFixed, 3), plan(SamplerMode::kFixed, 3));
  EXPECT_EQ(plan(SamplerMode::kFixed, 0).size(), plan(SamplerMode::kFixed, 1).size());
}

TEST(LesionEpoch, CompatTakesGridWindowsWithoutReplacementAndThenRepeats) {
  const auto store = StoreWithBoxes({44, 44, 44}, {{{2, 2, 2}, {4, 4, 4}}});
  SamplerOptions options = Small(SamplerMode::kCompat);
  options.negatives_per_positive = 100;
  const auto negatives = NegativesOf(PlanLesionEpoch(*store, {0}, options, 1, 0));
  EXPECT_EQ(negatives.size(), 100U);  // more than the windows that there are
  for (const PatchRequest& r : negatives) {
    EXPECT_EQ(store->LabelPatch(0, r.begin_vox, kPatch).sum().item<int64_t>(), 0);
  }
}

TEST(LesionEpoch, ACohortWithoutLesionsIsRefused) {
  const auto store = TinyStore({.num_cases = 1, .lesions_per_case = 0});
  const Thrown thrown = ErrorOf([&] { PlanLesionEpoch(*store, {0}, Small(), 1, 0); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("no lesion"));
}

TEST(LesionEpoch, PatchesLargerThanTheVolumeStartAtZero) {
  const auto store = TinyStore({.num_cases = 2, .size_vox = {20, 20, 20}, .lesions_per_case = 1});
  SamplerOptions options;
  options.patch_size_vox = {32, 32, 32};
  for (const PatchRequest& r : PlanLesionEpoch(*store, AllCases(*store), options, 1, 0)) {
    EXPECT_EQ(r.begin_vox, (XyzInt{0, 0, 0}));
  }
}

TEST(LesionEpoch, PlansFromImportedPatchFolders) {
  const fs::path folder = testing::FreshFolder();
  testing::MakeTinyCohort(folder / "tiny",
                          {.num_cases = 4, .size_vox = {24, 24, 24}, .lesions_per_case = 1});
  const fs::path root = folder / "train";
  for (int n = 0; n < 4; ++n) {
    const bool positive = n < 2;
    const fs::path to = root / (positive ? "lesion_patches" : "background_patches");
    fs::create_directories(to);
    for (const std::string stem : {"T1", "b1000", "GT"}) {
      fs::copy(folder / "tiny" / fmt::format("case_{:02d}", n) / (stem + ".nii.gz"),
               to / fmt::format("P{}_{}_{}_0000.nii.gz",
                                n,
                                stem == "GT" ? "label" : stem,
                                positive ? "positive" : "negative"));
    }
  }
  StoreOptions options;
  options.cache_dir = (folder / "store").string();
  options.normalization = Normalization::kNone;
  const auto store = OpenOrBuildStore(LoadCohort(OptionsFor(root)), options);
  const EpochPlan plan =
      PlanLesionEpoch(*store, AllCases(*store), Small(SamplerMode::kIntended), 1, 0);
  EXPECT_EQ(PositivesOf(plan).size(), 2U);
  for (const PatchRequest& r : NegativesOf(plan)) {
    EXPECT_EQ(store->CaseAt(static_cast<std::size_t>(r.case_idx)).kind,
              RecordKind::kBackgroundPatch);
  }
}

TEST(RegionEpoch, ForegroundPatchesHoldTheirClassesEvenly) {
  const fs::path folder = testing::FreshFolder();
  testing::MakeTinyCohort(folder / "cohort", {.num_cases = 2, .size_vox = {32, 32, 144}});
  CohortOptions cohort = OptionsFor(folder / "cohort");
  cohort.label = "skeleton";
  cohort.labels.scheme = LabelScheme::kSkeleton;
  StoreOptions options;
  options.cache_dir = (folder / "store").string();
  const auto store = OpenOrBuildStore(LoadCohort(cohort), options);
  EXPECT_EQ(store->CaseAt(0).voxels_of_class.size(), 9U);
  const RegionSamplerOptions sampler{
      .patch_size_vox = kPatch, .patches_per_case = 90, .foreground_frac = 1};
  const EpochPlan plan = PlanRegionEpoch(*store, AllCases(*store), sampler, 1, 0);
  ASSERT_EQ(plan.size(), 180U);
  std::map<int64_t, int> patches_of_class;
  for (const PatchRequest& r : plan) {
    const Tensor label =
        store->LabelPatch(static_cast<std::size_t>(r.case_idx), r.begin_vox, kPatch);
    EXPECT_GT(label.max().item<int>(), 0);
    for (int c = 1; c <= 9; ++c) patches_of_class[c] += label.eq(c).any().item<bool>() ? 1 : 0;
  }
  for (int c = 1; c <= 9; ++c) EXPECT_GE(patches_of_class[c], 10) << "class " << c;
  EXPECT_NE(plan, PlanRegionEpoch(*store, AllCases(*store), sampler, 1, 1));
}

TEST(ValidationPlan, IsTheSameEachTimeWithLesionsInTheMiddle) {
  const auto store = TinyStore({.num_cases = 3, .lesions_per_case = 2});
  const EpochPlan plan = PlanValidation(*store, AllCases(*store), Small());
  EXPECT_EQ(plan, PlanValidation(*store, AllCases(*store), Small()));
  EXPECT_EQ(PositivesOf(plan).size(), 6U);
  EXPECT_GE(NegativesOf(plan).size(), 3U);
  for (const PatchRequest& r : plan) {
    const auto i = static_cast<std::size_t>(r.case_idx);
    const bool holds_lesion = store->LabelPatch(i, r.begin_vox, kPatch).any().item<bool>();
    EXPECT_EQ(holds_lesion, r.lesion_idx >= 0);
  }
}

}  // namespace
}  // namespace sap::data
