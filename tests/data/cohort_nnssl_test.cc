// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "data/tiny_store.h"
#include "sap/data/loader.h"
#include "sap/image/intensity.h"
#include "sap/image/volume_io.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr XyzInt kSize = {16, 18, 20};

// One entry of a session's images as nnssl writes it: no key is left out.
json ImageEntry(const std::string& path, const std::string& modality, const json& anatomy = {}) {
  return {{"name", fs::path(path).filename().string()},
          {"image_path", path},
          {"modality", modality},
          {"image_info", nullptr},
          {"associated_masks", {{"anonymization_mask", nullptr}, {"anatomy_mask", anatomy}}}};
}

// A collection on disk: nnssl_raw/Dataset007_Tiny/pretrain_data.json, and images beside it.
struct Collection {
  fs::path raw = testing::FreshFolder() / "nnssl_raw";
  fs::path folder = raw / "Dataset007_Tiny";
  json content = {{"collection_index", 7},
                  {"collection_name", "Dataset007_Tiny"},
                  {"datasets", json::object()}};

  // Adds images to a session, which comes into being with the first.
  void Add(const std::string& dataset,
           const std::string& subject,
           const std::string& session,
           const std::vector<json>& images) {
    json& d = content["datasets"][dataset];
    if (d.is_null()) d = {{"dataset_index", dataset}, {"name", nullptr}, {"dataset_info", nullptr}};
    json& s = d["subjects"][subject];
    if (s.is_null()) s = {{"subject_id", subject}, {"subject_info", {{"age", 61}}}};
    json& e = s["sessions"][session];
    if (e.is_null()) e = {{"session_id", session}, {"session_info", nullptr}};
    for (const json& image : images) e["images"].push_back(image);
  }

  void WriteVolumeAt(const fs::path& path, uint64_t seed, bool mask = false) const {
    at::manual_seed(seed);
    Tensor data = at::rand({kSize.x, kSize.y, kSize.z});
    if (mask) data = (data > 0.5).to(at::kByte);
    fs::create_directories(path.parent_path());
    Geometry grid;
    grid.size_vox = kSize;
    WriteVolume(path, Volume(data, grid));
  }

  CohortOptions Options(const std::vector<std::string>& modalities) const {
    fs::create_directories(folder);
    std::ofstream(folder / "pretrain_data.json") << content.dump(4);
    CohortOptions options;
    options.path = folder.string();
    options.modalities = modalities;
    options.require_labels = false;
    return options;
  }
};

std::vector<std::string> Ids(const Cohort& cohort) {
  std::vector<std::string> ids;
  for (const CaseRecord& record : cohort.cases) ids.push_back(record.id);
  return ids;
}

// Two datasets that share a subject id, one of its sessions with two T1w, one with FLAIR alone.
Collection TwoDatasets() {
  Collection c;
  const std::string outside = (c.raw.parent_path() / "elsewhere").string();
  c.Add("ds1",
        "sub-01",
        "ses-1",
        {ImageEntry("images/a_T2w.nii.gz", "T2w"),
         ImageEntry("$nnssl_raw/Dataset007_Tiny/images/a_T1w.nii.gz", "T1w", "masks/a.nii.gz")});
  c.Add("ds1", "sub-01", "ses-2", {ImageEntry("images/b_FLAIR.nii.gz", "FLAIR")});
  c.Add("ds2",
        "sub-01",
        "ses-1",
        {ImageEntry(outside + "/c_T1w.nii.gz", "t1w"),
         ImageEntry("$archive/c_T2w.nii.gz", "T2w"),
         ImageEntry("images/c_FLAIR.nii.gz", "FLAIR")});
  c.WriteVolumeAt(c.folder / "images" / "a_T1w.nii.gz", 1);
  c.WriteVolumeAt(c.folder / "images" / "a_T2w.nii.gz", 2);
  c.WriteVolumeAt(c.folder / "masks" / "a.nii.gz", 3, /*mask=*/true);
  c.WriteVolumeAt(c.folder / "images" / "b_FLAIR.nii.gz", 4);
  c.WriteVolumeAt(fs::path(outside) / "c_T1w.nii.gz", 5);
  c.WriteVolumeAt(c.raw.parent_path() / "archive" / "c_T2w.nii.gz", 6);
  c.WriteVolumeAt(c.folder / "images" / "c_FLAIR.nii.gz", 7);
  return c;
}

CohortOptions WithArchive(const Collection& c, const std::vector<std::string>& modalities) {
  CohortOptions options = c.Options(modalities);
  options.path_roots = {{"archive", (c.raw.parent_path() / "archive").string()}};
  return options;
}

TEST(NnsslCohort, ASessionIsACaseOfSeveralModalities) {
  const Collection c = TwoDatasets();
  const Cohort cohort = LoadCohort(WithArchive(c, {"T1w", "T2w"}));
  ASSERT_THAT(Ids(cohort), ElementsAre("ds1__sub-01__ses-1", "ds2__sub-01__ses-1"));
  const CaseRecord& first = cohort.cases[0];
  EXPECT_EQ(first.images[0].filename(), "a_T1w.nii.gz");  // in the order of data.modalities
  EXPECT_EQ(first.images[1].filename(), "a_T2w.nii.gz");
  ASSERT_TRUE(first.body);
  EXPECT_EQ(first.body->filename(), "a.nii.gz");
  EXPECT_FALSE(first.label);
  EXPECT_EQ(first.subject, "ds1__sub-01");  // another person than ds2's sub-01
  EXPECT_EQ(cohort.cases[1].subject, "ds2__sub-01");
  EXPECT_EQ(cohort.cases[1].site, "ds2");
  EXPECT_FALSE(cohort.cases[1].body);
}

TEST(NnsslCohort, OneModalityMakesEveryImageACase) {
  Collection c = TwoDatasets();
  c.Add("ds2", "sub-01", "ses-1", {ImageEntry("images/again_T1w.nii.gz", "T1w")});
  c.WriteVolumeAt(c.folder / "images" / "again_T1w.nii.gz", 8);
  const Cohort cohort = LoadCohort(WithArchive(c, {"T1w"}));
  ASSERT_THAT(Ids(cohort),
              ElementsAre("ds1__sub-01__ses-1__a_T1w",
                          "ds2__sub-01__ses-1__again_T1w",
                          "ds2__sub-01__ses-1__c_T1w"));
  EXPECT_EQ(cohort.cases[1].subject, cohort.cases[2].subject);
}

TEST(NnsslCohort, AutoKnowsTheFileAndItsFolder) {
  const Collection c = TwoDatasets();
  CohortOptions options = WithArchive(c, {"FLAIR"});
  EXPECT_EQ(LoadCohort(options).cases.size(), 2U);
  options.path = (c.folder / "pretrain_data.json").string();
  EXPECT_EQ(LoadCohort(options).cases.size(), 2U);
  options.layout = CohortLayout::kNnssl;  // under any name when said
  fs::rename(c.folder / "pretrain_data.json", c.folder / "small.json");
  options.path = (c.folder / "small.json").string();
  EXPECT_EQ(LoadCohort(options).cases.size(), 2U);
}

TEST(NnsslCohort, ReportsTheFaultsOfAllSubjectsInOneError) {
  Collection c = TwoDatasets();
  c.Add("ds1",
        "sub-02",
        "ses-1",
        {ImageEntry("images/gone.nii.gz", "T1w"),
         ImageEntry("images/a_T2w.nii.gz", "T2w", "masks/gone.nii.gz")});
  c.Add("ds1", "sub-03", "ses-1", {ImageEntry("images/a_T1w.nii.gz", "T1w")});
  c.Add("ds1",
        "sub-04",
        "ses-1",
        {ImageEntry("images/a_T1w.nii.gz", "T1w"),
         ImageEntry("images/a_T2w.nii.gz", "T2w"),
         ImageEntry("images/b_FLAIR.nii.gz", "T2w")});
  c.Add("ds1", "sub-05", "ses-1", {ImageEntry("", "T1w"), ImageEntry("x.nii.gz", ""), "text"});
  c.content["datasets"]["ds1"]["subjects"]["sub-06"] = {{"sessions", {{"ses-1", json::object()}}}};
  c.content["datasets"]["ds3"] = {{"subjects", json::array()}};
  const Thrown thrown = ErrorOf([&] { LoadCohort(WithArchive(c, {"T1w", "T2w"})); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("9 faults"));
  for (const char* fault :
       {"ds1__sub-02__ses-1: the image gone.nii.gz is missing",
        "ds1__sub-02__ses-1: the anatomy_mask gone.nii.gz is missing",
        "ds1__sub-03__ses-1: no image of modality T2w",
        "ds1__sub-04__ses-1: 2 images of modality T2w (a_T2w.nii.gz, b_FLAIR.nii.gz)",
        "ds1__sub-05__ses-1: image 0 has no image_path",
        "ds1__sub-05__ses-1: image x.nii.gz has no modality",
        "ds1__sub-05__ses-1: image 2 is no object",
        "ds1__sub-06__ses-1: has no list of images",
        "ds3: has no object subjects"}) {
    EXPECT_THAT(thrown.text, HasSubstr(fault));
  }
  EXPECT_THAT(thrown.text, Not(HasSubstr(c.raw.string())));  // no absolute paths
}

TEST(NnsslCohort, FaultsOfCasesThatAreLeftOutDoNotCount) {
  Collection c = TwoDatasets();
  c.Add("ds1",
        "sub-02",
        "ses-1",
        {ImageEntry("images/gone.nii.gz", "T1w"), ImageEntry("images/gone_too.nii.gz", "T2w")});
  CohortOptions options = WithArchive(c, {"T1w", "T2w"});
  options.cases = {"ds1__sub-01__ses-1"};
  EXPECT_EQ(LoadCohort(options).cases.size(), 1U);
}

TEST(NnsslCohort, NamesTheModalitiesThatAreThere) {
  const Collection c = TwoDatasets();
  const Thrown thrown = ErrorOf([&] { LoadCohort(WithArchive(c, {"T1w", "b1000"})); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("no image has the modality b1000"));
  EXPECT_THAT(thrown.text, HasSubstr("FLAIR (2), T1w (1), T2w (2), t1w (1)"));
}

TEST(NnsslCohort, AsksForTheFoldersOfPlaceholders) {
  const Collection c = TwoDatasets();
  const Thrown thrown = ErrorOf([&] { LoadCohort(c.Options({"T1w", "T2w"})); });
  EXPECT_EQ(thrown.kind, ErrorKind::kOption);
  EXPECT_THAT(thrown.text, AllOf(HasSubstr("data.path_roots"), HasSubstr("$archive")));
  EXPECT_THAT(thrown.text, Not(HasSubstr("$nnssl_raw")));
  EXPECT_EQ(LoadCohort(c.Options({"FLAIR"})).cases.size(), 2U);  // no wanted image needs it
  CohortOptions moved = WithArchive(c, {"T1w", "T2w"});
  moved.path_roots["nnssl_raw"] = "/nowhere";  // what the config says comes first
  EXPECT_THAT(ErrorOf([&] { LoadCohort(moved); }).text, HasSubstr("a_T1w.nii.gz is missing"));
}

TEST(NnsslCohort, RefusesLabelsAndOtherJson) {
  Collection c = TwoDatasets();
  CohortOptions options = WithArchive(c, {"T1w"});
  options.require_labels = true;
  const Thrown labels = ErrorOf([&] { LoadCohort(options); });
  EXPECT_EQ(labels.kind, ErrorKind::kOption);
  EXPECT_THAT(labels.text, HasSubstr("data.require_labels"));
  c.content = {{"training", json::array()}};
  const Thrown other = ErrorOf([&] { LoadCohort(c.Options({"T1w"})); });
  EXPECT_EQ(other.kind, ErrorKind::kInput);
  EXPECT_THAT(other.text, HasSubstr("pretrain_data.json: has no object datasets"));
}

TEST(NnsslCohort, ComesThroughTheStoreToBatches) {
  const Collection c = TwoDatasets();
  const CohortOptions options = WithArchive(c, {"T1w", "T2w"});
  const auto store = OpenOrBuildStore(LoadCohort(options),
                                      {.cache_dir = (c.raw.parent_path() / "store").string()});
  Loader loader(
      store,
      {.plan = {{0, {}, -1, 0}, {1, {}, -1, 1}}, .patch_size_vox = kSize, .with_labels = false},
      {.batch_size = 2});
  const Batch batch = *loader.Next();
  EXPECT_FALSE(batch.label_B1XYZ.defined());
  const auto expected = [&](const fs::path& path) {
    return NormalizePercentiles(ReadVolume(path).data());
  };
  const fs::path images = c.folder / "images";
  EXPECT_TRUE(at::equal(batch.image_BCXYZ[0][0], expected(images / "a_T1w.nii.gz")));
  EXPECT_TRUE(at::equal(batch.image_BCXYZ[0][1], expected(images / "a_T2w.nii.gz")));
  EXPECT_TRUE(at::equal(batch.image_BCXYZ[1][1],
                        expected(c.raw.parent_path() / "archive" / "c_T2w.nii.gz")));
  const Tensor mask = ReadLabels(c.folder / "masks" / "a.nii.gz").data();
  EXPECT_TRUE(at::equal(store->Body(0), mask.to(at::kByte)));
}

}  // namespace
}  // namespace sap::data
