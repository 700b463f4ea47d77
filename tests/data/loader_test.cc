// SPDX-License-Identifier: Apache-2.0
#include "sap/data/loader.h"

#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/tiny_store.h"
#include "support/tensor_near.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using sap::testing::TensorNear;
using ::testing::HasSubstr;

Loader::Epoch EpochOf(const VolumeStore& store) {
  SamplerOptions sampler;
  sampler.patch_size_vox = {16, 16, 16};
  return {.plan = PlanLesionEpoch(store, AllCases(store), sampler, 1, 0),
          .patch_size_vox = sampler.patch_size_vox,
          .augment = AugmentOptions{},
          .seed = 1,
          .epoch = 0};
}

std::vector<Batch> AllBatches(Loader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.Next()) batches.push_back(std::move(*batch));
  return batches;
}

TEST(Loader, GivesTheSameBatchesForAnyNumberOfWorkers) {
  const auto store = TinyStore({.num_cases = 3, .lesions_per_case = 3});
  Loader plain(store, EpochOf(*store), {.batch_size = 4, .num_workers = 0});
  const auto expected = AllBatches(plain);
  ASSERT_EQ(expected.size(), 5U);
  EXPECT_EQ(expected.back().image_BCXYZ.size(0), 2);
  EXPECT_EQ(expected[0].image_BCXYZ.sizes(), (std::vector<int64_t>{4, 2, 16, 16, 16}));
  EXPECT_EQ(expected[0].label_B1XYZ.sizes(), (std::vector<int64_t>{4, 1, 16, 16, 16}));
  for (const int workers : {1, 3}) {
    Loader loader(store, EpochOf(*store), {.batch_size = 4, .num_workers = workers});
    const auto batches = AllBatches(loader);
    ASSERT_EQ(batches.size(), expected.size());
    for (std::size_t b = 0; b < batches.size(); ++b) {
      EXPECT_TRUE(TensorNear(batches[b].image_BCXYZ, expected[b].image_BCXYZ, 0));
      EXPECT_TRUE(TensorNear(batches[b].label_B1XYZ, expected[b].label_B1XYZ, 0));
      EXPECT_EQ(batches[b].case_ids, expected[b].case_ids);
      EXPECT_EQ(batches[b].first_sample, static_cast<int64_t>(4 * b));
    }
  }
}

TEST(Loader, ModalityDropoutTakesWholeChannelsAndChangesNothingElse) {
  const auto store = TinyStore({.num_cases = 3, .lesions_per_case = 3});
  Loader whole(store, EpochOf(*store), {.batch_size = 18, .num_workers = 0});
  const Batch expected = *whole.Next();
  for (const int workers : {0, 1, 3}) {
    Loader::Epoch epoch = EpochOf(*store);
    epoch.augment->modality_dropout = 0.7;
    Loader loader(store, epoch, {.batch_size = 1, .num_workers = workers});
    std::set<uint64_t> seen;
    int64_t b = 0;
    for (const Batch& batch : AllBatches(loader)) {
      const PatchTransform t = DrawTransform(*epoch.augment,
                                             epoch.patch_size_vox,
                                             2,
                                             epoch.seed,
                                             epoch.epoch,
                                             batch.requests[0].sample_id);
      for (int64_t c = 0; c < 2; ++c) {
        const Tensor full_XYZ = expected.image_BCXYZ[b][c];
        EXPECT_TRUE(
            at::equal(batch.image_BCXYZ[0][c], t.Loses(c) ? at::zeros_like(full_XYZ) : full_XYZ));
      }
      EXPECT_TRUE(at::equal(batch.label_B1XYZ[0], expected.label_B1XYZ[b]));
      seen.insert(t.lost_channels);
      ++b;
    }
    EXPECT_EQ(b, 18);
    EXPECT_EQ(seen, (std::set<uint64_t>{0, 1, 2}));
  }
}

TEST(Loader, RefusesModalityDropoutOfOneChannel) {
  const fs::path folder = testing::FreshFolder();
  testing::MakeTinyCohort(folder / "cohort", {.num_cases = 1});
  CohortOptions options = OptionsFor(folder / "cohort");
  options.modalities = {"b1000"};
  const auto store =
      OpenOrBuildStore(LoadCohort(options), {.cache_dir = (folder / "store").string()});
  Loader::Epoch epoch = EpochOf(*store);
  epoch.augment->modality_dropout = 0.1;
  const Thrown thrown = ErrorOf([&] { Loader(store, epoch, {}); });
  EXPECT_EQ(thrown.kind, ErrorKind::kOption);
  EXPECT_THAT(thrown.text, HasSubstr("modality_dropout"));
}

TEST(Loader, StartsInTheMiddleAsIfItHadRunThere) {
  const auto store = TinyStore({.num_cases = 3, .lesions_per_case = 3});
  Loader whole(store, EpochOf(*store), {.batch_size = 4, .num_workers = 1});
  const auto all = AllBatches(whole);
  Loader::Epoch rest = EpochOf(*store);
  rest.start_batch = 3;
  Loader resumed(store, rest, {.batch_size = 4, .num_workers = 2});
  const auto tail = AllBatches(resumed);
  ASSERT_EQ(tail.size(), 2U);
  EXPECT_TRUE(TensorNear(tail[0].image_BCXYZ, all[3].image_BCXYZ, 0));
}

// As the sliding window places it, so that training and prediction show the network the same.
TEST(Loader, AVolumeShorterThanThePatchLiesInItsMiddle) {
  const auto store = TinyStore({.num_cases = 1});
  const XyzInt volume = store->CaseAt(0).size_vox;
  const XyzInt patch = {8, 8, volume.z + 13};
  Loader loader(store, {.plan = {{0, {1, 2, 0}, -1, 0}}, .patch_size_vox = patch}, {});
  const auto batch = loader.Next();
  ASSERT_TRUE(batch.has_value());
  const Tensor image_CXYZ = batch->image_BCXYZ[0];
  const Tensor middle_CXYZ = image_CXYZ.narrow(3, 6, volume.z);
  EXPECT_TRUE(TensorNear(middle_CXYZ, store->ImagePatch(0, {1, 2, 0}, {8, 8, volume.z}), 0));
  EXPECT_GT(middle_CXYZ.abs().sum().item<float>(), 0.0F);
  EXPECT_EQ(image_CXYZ.narrow(3, 0, 6).abs().sum().item<float>(), 0.0F);
  EXPECT_EQ(image_CXYZ.narrow(3, 6 + volume.z, 7).abs().sum().item<float>(), 0.0F);
}

TEST(Loader, ChannelsLastChangesTheLayoutAndNotTheValues) {
  const auto store = TinyStore({.num_cases = 1});
  Loader plain(store, EpochOf(*store), {.num_workers = 0});
  Loader last(store, EpochOf(*store), {.num_workers = 0, .channels_last = true});
  const Batch a = *plain.Next();
  const Batch b = *last.Next();
  EXPECT_TRUE(b.image_BCXYZ.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  EXPECT_TRUE(TensorNear(a.image_BCXYZ, b.image_BCXYZ, 0));
}

TEST(Loader, ThrowsAWorkersErrorWithItsCase) {
  const fs::path folder = testing::FreshFolder();
  testing::MakeTinyCohort(folder / "cohort", {.num_cases = 2});
  fs::remove(folder / "cohort" / "case_01" / "GT.nii.gz");
  CohortOptions options = OptionsFor(folder / "cohort");
  options.require_labels = false;
  StoreOptions store_options;
  store_options.cache_dir = (folder / "store").string();
  const auto store = OpenOrBuildStore(LoadCohort(options), store_options);
  for (const int workers : {0, 2}) {
    Loader::Epoch epoch{.plan = {{0, {}, -1, 0}, {0, {}, -1, 1}, {1, {}, -1, 2}, {0, {}, -1, 3}},
                        .patch_size_vox = {16, 16, 16}};
    Loader loader(store, epoch, {.batch_size = 1, .num_workers = workers});
    const Thrown thrown = ErrorOf([&] { AllBatches(loader); });
    EXPECT_EQ(thrown.kind, ErrorKind::kInput);
    EXPECT_THAT(thrown.text, HasSubstr("case_01: has no label map"));
    epoch.with_labels = false;
    Loader without(store, epoch, {.batch_size = 1, .num_workers = workers});
    EXPECT_EQ(AllBatches(without).size(), 4U);
  }
}

TEST(Loader, CanBeDroppedWhileWorkersAreBusyOrWaiting) {
  const auto store = TinyStore({.num_cases = 2});
  for (int repeat = 0; repeat < 20; ++repeat) {
    Loader loader(
        store, EpochOf(*store), {.batch_size = 1, .num_workers = 3, .prefetch_batches = 2});
    if (repeat % 2 == 0) loader.Next();
  }
}

TEST(Loader, AnEmptyPlanHasNoBatches) {
  const auto store = TinyStore({.num_cases = 1});
  Loader loader(store, {.plan = {}, .patch_size_vox = {16, 16, 16}}, {});
  EXPECT_EQ(loader.NumBatches(), 0);
  EXPECT_FALSE(loader.Next().has_value());
}

}  // namespace
}  // namespace sap::data
