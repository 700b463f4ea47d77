// SPDX-License-Identifier: Apache-2.0
#include "sap/data/cohort.h"

#include <fstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/tiny_store.h"
#include "sap/core/options.h"
#include "sap/data/augment.h"
#include "sap/data/loader.h"
#include "sap/data/splits.h"
#include "sap/image/volume_io.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr XyzInt kSize = {16, 16, 16};

fs::path TinyFolder(int num_cases = 3, int exams_per_subject = 1) {
  const fs::path folder = testing::FreshFolder() / "cohort";
  testing::MakeTinyCohort(folder,
                          {.num_cases = num_cases,
                           .size_vox = kSize,
                           .lesions_per_case = 1,
                           .exams_per_subject = exams_per_subject});
  return folder;
}

void WriteText(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

void WriteGrid(const fs::path& path, double spacing_mm) {
  Geometry grid;
  grid.size_vox = kSize;
  grid.spacing_mm = XyzDouble::Same(spacing_mm);
  WriteVolume(path, Volume(at::zeros({kSize.x, kSize.y, kSize.z}, at::kByte), grid));
}

TEST(Cohort, FindsCaseFoldersSortedById) {
  const Cohort cohort = LoadCohort(OptionsFor(TinyFolder()));
  ASSERT_EQ(cohort.cases.size(), 3U);
  EXPECT_EQ(cohort.cases[0].id, "case_00");
  EXPECT_EQ(cohort.cases[0].subject, "case_00");
  EXPECT_EQ(cohort.cases[2].images[1].filename(), "b1000.nii.gz");
  EXPECT_TRUE(cohort.cases[1].label.has_value());
  EXPECT_TRUE(cohort.cases[1].body.has_value());
}

TEST(Cohort, TableGroupsExamsBySubject) {
  const Cohort cohort = LoadCohort(OptionsFor(TinyFolder(4, 2)));
  EXPECT_EQ(cohort.cases[0].subject, cohort.cases[1].subject);
  EXPECT_NE(cohort.cases[1].subject, cohort.cases[2].subject);
  EXPECT_EQ(cohort.cases[1].site, "B");
}

TEST(Cohort, ReportsAllFaultsOfAllCasesInOneError) {
  const fs::path folder = TinyFolder();
  fs::remove(folder / "case_00" / "b1000.nii.gz");
  WriteGrid(folder / "case_01" / "GT.nii.gz", 3.0);
  fs::remove(folder / "case_02" / "GT.nii.gz");
  const Thrown thrown = ErrorOf([&] { LoadCohort(OptionsFor(folder)); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("3 faults"));
  EXPECT_THAT(thrown.text, HasSubstr("case_00: no volume b1000"));
  EXPECT_THAT(thrown.text, HasSubstr("case_01: GT.nii.gz is not on the grid of T1.nii.gz"));
  EXPECT_THAT(thrown.text, HasSubstr("spacing"));
  EXPECT_THAT(thrown.text, HasSubstr("case_02: no label map"));
  EXPECT_THAT(thrown.text, Not(HasSubstr(folder.string())));  // no absolute paths
}

TEST(Cohort, FaultsOfCasesThatAreLeftOutDoNotCount) {
  const fs::path folder = TinyFolder();
  fs::remove(folder / "case_00" / "b1000.nii.gz");
  CohortOptions options = OptionsFor(folder);
  options.cases = {"case_01", "case_02"};
  EXPECT_EQ(LoadCohort(options).cases.size(), 2U);
  options.cases = {"case_01", "case_77"};
  EXPECT_THAT(ErrorOf([&] { LoadCohort(options); }).text,
              HasSubstr("case_77: named in data.cases"));
}

TEST(Cohort, EmptyCohortIsAFault) {
  EXPECT_THAT(ErrorOf([&] { LoadCohort(OptionsFor(testing::FreshFolder())); }).text,
              HasSubstr("no cases"));
}

TEST(Cohort, TableRefusesUnknownKeysDuplicatesAndAbsentCases) {
  const fs::path folder = TinyFolder();
  WriteText(folder / "cohort.yaml",
            "cases:\n  - {case: case_00, subjct: S1}\n  - {case: case_00}\n  - {case: nobody}\n");
  const std::string text = ErrorOf([&] { LoadCohort(OptionsFor(folder)); }).text;
  EXPECT_THAT(text, HasSubstr("unknown key subjct"));
  EXPECT_THAT(text, HasSubstr("case_00: listed twice"));
  EXPECT_THAT(text, HasSubstr("nobody: listed in cohort.yaml"));
}

TEST(Cohort, ReadsNnunetDatasets) {
  const fs::path tiny = TinyFolder(2);
  const fs::path root = testing::FreshFolder().parent_path() / "Dataset042_Tiny";
  fs::remove_all(root);
  fs::create_directories(root / "imagesTr");
  fs::create_directories(root / "labelsTr");
  testing::MakeTinyCohort(tiny, {.num_cases = 2, .size_vox = kSize, .lesions_per_case = 1});
  for (const char* id : {"case_00", "case_01"}) {
    fs::copy(tiny / id / "b1000.nii.gz", root / "imagesTr" / (std::string(id) + "_0000.nii.gz"));
    fs::copy(tiny / id / "T1.nii.gz", root / "imagesTr" / (std::string(id) + "_0001.nii.gz"));
    fs::copy(tiny / id / "GT.nii.gz", root / "labelsTr" / (std::string(id) + ".nii.gz"));
  }
  WriteText(root / "dataset.json",
            R"({"channel_names": {"0": "b1000", "1": "T1"}, "labels": {"lesion": 1},
                "numTraining": 2, "file_ending": ".nii.gz"})");
  const Cohort cohort = LoadCohort(OptionsFor(root));
  ASSERT_EQ(cohort.cases.size(), 2U);
  EXPECT_EQ(cohort.cases[1].id, "case_01");
  EXPECT_EQ(cohort.cases[1].images[0].filename(), "case_01_0001.nii.gz");  // T1 comes first
  EXPECT_TRUE(cohort.cases[1].label);
  CohortOptions wrong = OptionsFor(root);
  wrong.modalities = {"T1", "ADC"};
  EXPECT_THAT(ErrorOf([&] { LoadCohort(wrong); }).text, HasSubstr("no channel is named ADC"));
}

TEST(Cohort, ReadsDatalists) {
  const fs::path folder = TinyFolder(2);
  const fs::path list = folder / "list.json";
  WriteText(list,
            R"({"training": [{"image": ["case_00/T1.nii.gz", "case_00/b1000.nii.gz"],
                              "label": "case_00/GT.nii.gz", "fold": 3, "subject": "S9"}],
                "validation": [{"image": ["case_01/T1.nii.gz", "case_01/b1000.nii.gz"],
                                "label": "case_01/GT.nii.gz"}]})");
  const Cohort cohort = LoadCohort(OptionsFor(list));
  ASSERT_EQ(cohort.cases.size(), 2U);
  EXPECT_EQ(cohort.cases[0].id, "case_00");
  EXPECT_EQ(cohort.cases[0].subject, "S9");
  EXPECT_EQ(cohort.cases[0].fold, 3);
  EXPECT_EQ(cohort.cases[1].role, "validation");
  WriteText(list, R"({"training": [{"image": ["nowhere.nii.gz"]}]})");
  const std::string text = ErrorOf([&] { LoadCohort(OptionsFor(list)); }).text;
  EXPECT_THAT(text, HasSubstr("nowhere.nii.gz is missing"));
  EXPECT_THAT(text, HasSubstr("image lists 1 files, data.modalities has 2"));
}

TEST(Cohort, ImportsIbPatchFoldersWithUnderscoresInNames) {
  const fs::path tiny = TinyFolder(2);
  const fs::path root = tiny.parent_path() / "train";
  fs::create_directories(root / "lesion_patches");
  fs::create_directories(root / "background_patches");
  const auto put =
      [&](const std::string& from, const std::string& folder, const std::string& kind) {
        const auto name = [&](const std::string& what) {
          return "Patient_label_01_" + what + "_" + kind + "_0001.nii.gz";
        };
        fs::copy(tiny / from / "T1.nii.gz", root / folder / name("T1"));
        fs::copy(tiny / from / "b1000.nii.gz", root / folder / name("b1000"));
        fs::copy(tiny / from / "GT.nii.gz", root / folder / name("label"));
      };
  put("case_00", "lesion_patches", "positive");
  put("case_01", "background_patches", "negative");
  const Cohort cohort = LoadCohort(OptionsFor(root));
  ASSERT_EQ(cohort.cases.size(), 2U);
  EXPECT_EQ(cohort.cases[0].id, "Patient_label_01_negative_0001");
  EXPECT_EQ(cohort.cases[0].kind, RecordKind::kBackgroundPatch);
  EXPECT_EQ(cohort.cases[1].kind, RecordKind::kLesionPatch);
  EXPECT_EQ(cohort.cases[1].subject, "Patient_label_01");
}

TEST(DataOptions, ReadBackFromTheirOwnYaml) {
  CohortOptions cohort;
  cohort.spacing_mm = XyzDouble{1, 1, 2.5};
  cohort.labels.map = {{"19", 1}};
  const std::string yaml = OptionTable(cohort).Yaml();
  CohortOptions again;
  OptionTable(again).Read(ParseConfigText(yaml, "data.yaml"));
  EXPECT_EQ(again.spacing_mm, cohort.spacing_mm);
  EXPECT_EQ(again.labels.map, cohort.labels.map);
  EXPECT_EQ(OptionTable(again).Yaml(), yaml);
  StoreOptions store;
  EXPECT_THAT(ErrorOf([&] {
                OptionTable(store).Read(ParseConfigText("connectivity: 7", "data.yaml"));
              }).text,
              HasSubstr("6, 18 or 26"));
  SplitOptions split;
  OptionTable(split).Read(ParseConfigText("fold_sizes: [7, 6, 6, 6, 5, 5, 5]", "data.yaml"));
  EXPECT_EQ(split.fold_sizes.size(), 7U);
  SamplerOptions sampler;
  LoaderOptions loader;
  AugmentOptions augment;
  for (const OptionTable& table :
       {OptionTable(sampler), OptionTable(loader), OptionTable(augment)}) {
    EXPECT_FALSE(table.HelpText().empty());
  }
}

}  // namespace
}  // namespace sap::data
