// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/cohort_writer.h"

#include <chrono>
#include <cstdio>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "phantom_fixture.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/parallel.h"
#include "sap/image/components.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"

namespace sap::phantom {
namespace {

PhantomOptions SmallCohort(const fs::path& folder) {
  PhantomOptions options;
  options.output_dir = folder.string();
  options.num_healthy = 1;
  options.num_metastatic = 1;
  options.seed = 5;
  options.spacing_mm = {6, 6, 6};
  return options;
}

TEST(WriteCohort, GivesTheSameBytesForAnyNumberOfThreads) {
  const fs::path root = testing::FreshFolder();
  for (const int threads : {1, 2}) {
    SetNumThreads(threads);
    WriteCohort(SmallCohort(root / std::to_string(threads)), TestAtlas(), nullptr);
  }
  for (const char* file : {"cohort.yaml",
                           "H001/T1.nii.gz",
                           "M001/T1.nii.gz",
                           "M001/b1000.nii.gz",
                           "M001/GT.nii.gz",
                           "M001/skeleton.nii.gz",
                           "M001/body.nii.gz",
                           "M001/case.json"}) {
    EXPECT_EQ(Sha256OfFile(root / "1" / file), Sha256OfFile(root / "2" / file)) << file;
  }
}

TEST(WriteCohort, ListsEveryCaseWithSubjectSiteAndRole) {
  const fs::path root = testing::FreshFolder() / "cohort";
  PhantomOptions options = SmallCohort(root);
  options.repeats = 2;
  options.num_healthy = 0;
  options.num_sites = 2;
  EXPECT_EQ(WriteCohort(options, TestAtlas(), nullptr), 2);
  EXPECT_EQ(ReadFile(root / "cohort.yaml"),
            "cases:\n"
            "  - {case: M001, subject: M001, site: A, role: metastatic}\n"
            "  - {case: M001_r2, subject: M001, site: A, role: metastatic}\n");
  // Repeats share the anatomy and differ in what the scanner adds.
  for (const char* same : {"GT.nii.gz", "skeleton.nii.gz", "body.nii.gz"}) {
    EXPECT_EQ(Sha256OfFile(root / "M001" / same), Sha256OfFile(root / "M001_r2" / same)) << same;
  }
  EXPECT_NE(Sha256OfFile(root / "M001/T1.nii.gz"), Sha256OfFile(root / "M001_r2/T1.nii.gz"));
}

TEST(WriteCohort, RecordsTheLesionsThatTheTruthHolds) {
  const fs::path root = testing::FreshFolder() / "cohort";
  WriteCohort(SmallCohort(root), TestAtlas(), nullptr);
  const auto json = nlohmann::json::parse(ReadFile(root / "M001" / "case.json"));
  const Volume gt = ReadLabels(root / "M001" / "GT.nii.gz");
  EXPECT_EQ(LabelComponents(gt.data(), Connectivity::k26).list.size(), json["lesions"].size());
  EXPECT_FALSE(fs::exists(root / "H001" / "GT.nii.gz"));
  EXPECT_TRUE(ReadVolume(root / "M001" / "T1.nii.gz").SameGridAs(gt));
}

TEST(WriteCohort, CompletesItsOwnFolderAndRefusesAnother) {
  const fs::path root = testing::FreshFolder() / "cohort";
  PhantomOptions options = SmallCohort(root);
  EXPECT_EQ(WriteCohort(options, TestAtlas(), nullptr), 2);
  fs::remove_all(root / "M001");
  EXPECT_EQ(WriteCohort(options, TestAtlas(), nullptr), 1);
  options.seed = 6;
  EXPECT_THROW(WriteCohort(options, TestAtlas(), nullptr), Error);
  const fs::path foreign = root / "H001";
  EXPECT_THROW(WriteCohort(SmallCohort(foreign), TestAtlas(), nullptr), Error);
}

TEST(MakeSubject, PrintsItsTimeAtTheDefaultSpacing) {
  SetNumThreads(2);
  TestAtlas();
  const fs::path root = testing::FreshFolder() / "cohort";
  PhantomOptions options = SmallCohort(root);
  options.num_healthy = 0;
  options.spacing_mm = {2.5, 2.5, 2.5};
  const auto start = std::chrono::steady_clock::now();
  WriteCohort(options, TestAtlas(), nullptr);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("one subject at 2.5 mm, written: %.1f s on two threads\n", took.count());
  EXPECT_TRUE(fs::exists(root / "M001" / "T1.nii.gz"));
}

}  // namespace
}  // namespace sap::phantom
