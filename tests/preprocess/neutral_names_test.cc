// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/neutral_names.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(NeutralNames, KeepsSequenceWordsAndShortNumbersAndHidesEveryOtherWord) {
  const SequenceRules rules = DefaultSequenceRules();
  for (const char* shown : {"T1_1.nii.gz",
                            "DWI_2_b1000.nii.gz",
                            "mDIXON_IP_1.nii.gz",
                            "IM00012.dcm",
                            "3D_T1_TSE.nii",
                            "1",
                            "adc_map_3.nii"}) {
    const bool is_map = std::string(shown).starts_with("adc");  // "map" is no sequence's word
    EXPECT_EQ(NeutralNames({fs::path("a") / shown}, rules)[0] == shown, !is_map) << shown;
  }
  for (const char* hidden : {"Smith_T1_1.nii.gz",
                             "T1_J_1.nii.gz",
                             "T1_19430217.nii.gz",
                             "T1_1943.nii.gz",
                             "1.2.840.113619.2.1.dcm",
                             "IM194302.dcm",
                             "T1Smith_1.nii.gz",
                             "T1_M\xc3\xbcller.nii.gz"}) {
    EXPECT_EQ(NeutralNames({"a/b", fs::path("a") / hidden}, rules)[1],
              "file 2 of 2 in order of path")
        << hidden;
  }
}

TEST(FilesBelow, IsInTheOrderOfBytesAndCountsLinksToNothing) {
  const fs::path folder = testing::FreshFolder();
  for (const char* name : {"a/1", "a-b/1", ".hidden/1", "b"}) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "x";
  }
  EXPECT_THAT(FilesBelow(folder),
              ::testing::ElementsAre(folder / "a-b/1", folder / "a/1", folder / "b"));
  fs::create_symlink("nowhere", folder / "c");
  try {
    FilesBelow(folder);
    FAIL() << "a missing slice went unnoticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_STREQ(error.what(),
                 "1 of its files is a link to nothing; fetch the data that they point to, or "
                 "remove them");
  }
}

TEST(WithoutPaths, LeavesNoPartOfAPathThatIsNotNeutral) {
  const fs::path folder = testing::FreshFolder() / "Smith_John";
  for (const char* name : {"Doe/Smith_1.dcm", "T1_1.nii"}) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "x";
  }
  const std::string said = WithoutPaths(
      (folder / "Doe" / "Smith_1.dcm").string() + "; Doe/Smith_1.dcm; Smith_1.dcm; " +
          "Smith_John/T1_1.nii; " + (folder / "Doe").string() + "; in " + folder.string(),
      folder,
      "S01",
      DefaultSequenceRules());
  EXPECT_EQ(said,
            "file 1 of 2 in order of path; file 1 of 2 in order of path; file 1 of 2 in order of "
            "path; T1_1.nii; a folder or link of it; in S01");
}

}  // namespace
}  // namespace sap::preprocess
