// SPDX-License-Identifier: Apache-2.0
// Cohorts without a single label file, as self-supervised pretraining reads them.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/patch_placement.h"
#include "data/tiny_store.h"
#include "sap/data/instance_sampler.h"
#include "sap/data/loader.h"
#include "sap/image/intensity.h"
#include "sap/image/volume_io.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr XyzInt kSize = {32, 28, 36};
constexpr XyzInt kPatch = {16, 16, 16};

// Case folders with T1, b1000, ADC and nothing else.
fs::path ImagesOnly(bool with_body) {
  const fs::path folder = testing::FreshFolder() / "cohort";
  const auto ids = testing::MakeTinyCohort(
      folder,
      {.num_cases = 2, .size_vox = kSize, .write_skeleton = false, .write_body = with_body});
  for (const std::string& id : ids) {
    fs::remove(folder / id / "GT.nii.gz");
    const Volume t1 = ReadVolume(folder / id / "T1.nii.gz");
    WriteVolume(folder / id / "ADC.nii.gz", t1.WithData(t1.data().square()));
  }
  return folder;
}

CohortOptions Unlabelled(const fs::path& folder, const std::vector<std::string>& modalities) {
  CohortOptions options = OptionsFor(folder);
  options.modalities = modalities;
  options.require_labels = false;
  return options;
}

// The patch of a modality's file, normalised over the whole volume as the store does.
Tensor PatchOfFile(const fs::path& file, const XyzInt& begin_vox) {
  Tensor volume_XYZ = NormalizePercentiles(ReadVolume(file).data());
  for (std::size_t a = 0; a < 3; ++a) {
    volume_XYZ = volume_XYZ.narrow(static_cast<int64_t>(a), begin_vox[a], kPatch[a]);
  }
  return volume_XYZ;
}

void ExpectBatchesOfTheFiles(const std::vector<std::string>& modalities, bool with_body) {
  const fs::path folder = ImagesOnly(with_body);
  const Cohort cohort = LoadCohort(Unlabelled(folder, modalities));
  const StoreOptions options{.cache_dir = (folder.parent_path() / "store").string()};
  OpenOrBuildStore(cohort, options);
  const auto store = OpenOrBuildStore(cohort, options);  // read back
  ASSERT_EQ(store->NumChannels(), std::ssize(modalities));
  EXPECT_FALSE(store->CaseAt(1).has_label);
  EXPECT_TRUE(store->CaseAt(1).lesions.empty());
  const EpochPlan plan = PlanRegionEpoch(
      *store, AllCases(*store), {.patch_size_vox = kPatch, .patches_per_case = 5}, 3, 0);
  ASSERT_EQ(plan.size(), 10U);
  Loader loader(store,
                {.plan = plan, .patch_size_vox = kPatch, .with_labels = false},
                {.batch_size = 4, .num_workers = 2});
  std::size_t num_seen = 0;
  while (const auto batch = loader.Next()) {
    EXPECT_FALSE(batch->label_B1XYZ.defined());
    ASSERT_EQ(batch->image_BCXYZ.size(1), std::ssize(modalities));
    for (std::size_t b = 0; b < batch->requests.size(); ++b, ++num_seen) {
      const PatchRequest& request = plan[num_seen];
      const Box box = PatchBox(request.begin_vox, kPatch);
      EXPECT_GT(store->CountBody(static_cast<std::size_t>(request.case_idx), box), 0);
      for (std::size_t c = 0; c < modalities.size(); ++c) {
        const fs::path file = folder / batch->case_ids[b] / (modalities[c] + ".nii.gz");
        EXPECT_TRUE(at::equal(batch->image_BCXYZ[static_cast<int64_t>(b)][static_cast<int64_t>(c)],
                              PatchOfFile(file, request.begin_vox)));
      }
    }
  }
  EXPECT_EQ(num_seen, plan.size());
}

TEST(UnlabelledCohort, OneTwoOrThreeModalitiesComeThroughToBatches) {
  for (const bool with_body : {true, false}) {
    ExpectBatchesOfTheFiles({"b1000"}, with_body);
    ExpectBatchesOfTheFiles({"T1", "b1000"}, with_body);
    ExpectBatchesOfTheFiles({"ADC", "T1", "b1000"}, with_body);
  }
}

TEST(UnlabelledCohort, IsRefusedWhereLabelsAreRequired) {
  CohortOptions options = Unlabelled(ImagesOnly(true), {"T1"});
  options.require_labels = true;
  const Thrown thrown = ErrorOf([&] { LoadCohort(options); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("2 faults"));
  EXPECT_THAT(thrown.text, HasSubstr("case_00: no label map"));
}

TEST(UnlabelledCohort, LesionSamplingSaysThatThereIsNone) {
  const fs::path folder = ImagesOnly(true);
  const auto store = OpenOrBuildStore(LoadCohort(Unlabelled(folder, {"T1", "b1000"})),
                                      {.cache_dir = (folder.parent_path() / "store").string()});
  const Thrown thrown = ErrorOf([&] { PlanLesionEpoch(*store, AllCases(*store), {}, 1, 0); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("hold no lesion"));
}

}  // namespace
}  // namespace sap::data
