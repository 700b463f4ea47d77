// SPDX-License-Identifier: Apache-2.0
#include "cli/own_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ForeignFiles, AreAllButOurOwnAndAllWithoutOurRecord) {
  const fs::path folder = testing::FreshFolder() / "case";
  const auto foreign = [&] {
    return ForeignFiles(folder, "case.json", {"T1.nii.gz", "case.json"});
  };
  EXPECT_THAT(foreign(), IsEmpty());  // there is no folder
  fs::create_directories(folder);
  EXPECT_THAT(foreign(), IsEmpty());
  WriteFileAtomically(folder / "T1.nii.gz", "whose?");
  WriteFileAtomically(folder / ".directory", "a file manager's");
  EXPECT_THAT(foreign(), ElementsAre("T1.nii.gz"));
  WriteFileAtomically(folder / "case.json", "{}");
  EXPECT_THAT(foreign(), IsEmpty());
  WriteFileAtomically(folder / "GT.nii.gz", "drawn");
  fs::create_directories(folder / "notes");
  EXPECT_THAT(foreign(), ElementsAre("GT.nii.gz", "notes"));
  EXPECT_THROW(RequireOwnFiles(folder, "P", "case.json", {"T1.nii.gz", "case.json"}), Error);
}

TEST(ForeignFiles, AFileInTheFoldersPlaceIsOne) {
  const fs::path place = testing::FreshFolder() / "case";
  WriteFileAtomically(place, "a file");
  EXPECT_THAT(ForeignFiles(place, "case.json", {}), ElementsAre("case"));
}

}  // namespace
}  // namespace sap::cli
