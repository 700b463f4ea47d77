// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "run_main.h"
#include "sap/cli/commands.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

using sap::testing::FreshFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Geometry kGrid{.size_vox = {24, 20, 16}, .spacing_mm = {3, 3, 4}};

Tensor Empty(at::ScalarType type) {
  return at::zeros({24, 20, 16}, type);
}

// 4 x 4 x length_z voxels: 0.576 mL a slice.
void Paint(Tensor& map_XYZ, const XyzInt& at, double value, int64_t length_z = 4) {
  map_XYZ.slice(0, at.x, at.x + 4)
      .slice(1, at.y, at.y + 4)
      .slice(2, at.z, at.z + length_z)
      .fill_(value);
}

constexpr XyzInt kSpine{2, 2, 2};
constexpr XyzInt kPelvis{17, 2, 8};
constexpr XyzInt kMuscle{2, 14, 10};  // 15 mm from any bone

// One patient twice (the lesion in the spine grows from 4 to 6 slices, that in the pelvis goes)
// and a second patient once. The method finds every lesion in its first size; it and the first of
// its two members see two false positives.
struct Cohort {
  fs::path root = FreshFolder();

  Cohort() {
    Tensor bones = Empty(at::kByte);
    bones.slice(0, 0, 10).slice(1, 0, 10).fill_(3);
    bones.slice(0, 16, 24).slice(1, 0, 10).fill_(4);
    for (const char* id : {"P1_a", "P1_b", "P2"}) {
      const bool second_visit = std::string(id) == "P1_b";
      const bool first_visit = std::string(id) == "P1_a";
      Tensor lesions = Empty(at::kByte);
      Tensor adc = at::full({24, 20, 16}, 1500.0F);
      Tensor found = Empty(at::kFloat);
      Paint(lesions, kSpine, 1, second_visit ? 6 : 4);
      Paint(adc, kSpine, 800);
      Paint(found, kSpine, 0.9);
      if (first_visit) {
        Paint(lesions, kPelvis, 1);
        Paint(found, kPelvis, 0.8);
        adc.slice(0, 17, 19).fill_(0);  // half of the lesion without a value
      }
      Tensor sober = found.clone();
      if (!first_visit) Paint(found, kMuscle, 0.6);
      Tensor body = Empty(at::kByte);
      body.slice(0, 0, 12).fill_(1);
      Write("reference", id, "GT", lesions);
      Write("reference", id, "skeleton", bones);
      Write("reference", id, "ADC_um2_per_s", adc);
      Write("reference", id, "body", body);
      Write("prediction", id, "probability", found);
      Write("fold_1", id, "probability", found);
      Write("fold_2", id, "probability", sober);
    }
  }

  void Write(const std::string& folder,
             const std::string& id,
             const std::string& name,
             const Tensor& data_XYZ,
             const Geometry& grid = kGrid) const {
    CreateFolder(root / folder / id);
    WriteVolume(root / folder / id / (name + ".nii.gz"), Volume(data_XYZ, grid));
  }

  Outcome Run(const std::vector<std::string>& settings) const {
    std::vector<std::string> words = {"--quiet"};
    std::vector<std::string> all = {"reference_dir=" + (root / "reference").string(),
                                    "prediction_dir=" + (root / "prediction").string(),
                                    "output_dir=" + (root / "out").string(),
                                    "threshold=0.5",
                                    "figures=false"};
    all.insert(all.end(), settings.begin(), settings.end());
    for (const std::string& setting : all) {
      if (!setting.starts_with("--")) words.emplace_back("--set");
      words.push_back(setting);
    }
    return RunMain(EvaluateMain, words);
  }

  std::string Members() const {
    return fmt::format(
        "members.prediction=[{},{}]", (root / "fold_1").string(), (root / "fold_2").string());
  }

  // Cells of one column of an output table, below the header.
  std::vector<std::string> Column(const char* file, const std::string& name) const {
    const auto rows = ParseCsv(ReadFile(root / "out" / file));
    const auto at = std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin();
    std::vector<std::string> cells;
    for (std::size_t r = 1; r < rows.size(); ++r) {
      cells.push_back(rows[r].at(static_cast<std::size_t>(at)));
    }
    return cells;
  }
};

TEST(SapEvaluateDetails, GoFromTheCaseFoldersIntoEveryTable) {
  const Cohort cohort;
  const Outcome outcome = cohort.Run({"follow_up.P1_b=P1_a", cohort.Members()});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  // Lesions: P1_a spine, P1_a pelvis, P1_b spine, P2 spine.
  EXPECT_THAT(cohort.Column("lesions.csv", "region"),
              ElementsAre("lumbar_spine", "pelvis", "lumbar_spine", "lumbar_spine"));
  EXPECT_THAT(cohort.Column("lesions.csv", "adc_mean_um2_per_s"),
              ElementsAre("800", "1500", fmt::format("{}", (4 * 800.0 + 2 * 1500) / 6), "800"));
  EXPECT_NEAR(std::stod(cohort.Column("lesions.csv", "longest_diameter_mm")[0]),
              std::hypot(9.0, 9.0, 12.0),
              1e-9);
  EXPECT_NEAR(
      std::stod(cohort.Column("lesions.csv", "axial_diameter_mm")[2]), std::hypot(9.0, 9.0), 1e-9);
  EXPECT_THAT(cohort.Column("candidates.csv", "region"),
              ElementsAre("lumbar_spine",
                          "pelvis",
                          "lumbar_spine",
                          "off_skeleton",
                          "lumbar_spine",
                          "off_skeleton"));
  EXPECT_THAT(cohort.Column("candidates.csv", "agreement"),
              ElementsAre("1", "1", "1", "0.5", "1", "0.5"));
  // Third to fifth rows: lumbar spine, pelvis, femurs; last: off_skeleton.
  const auto lesions = cohort.Column("regions.csv", "lesions");
  EXPECT_EQ(lesions.size(), 10U);
  EXPECT_EQ(lesions[2], "3");
  EXPECT_EQ(lesions[3], "1");
  EXPECT_EQ(cohort.Column("regions.csv", "fp_per_exam").back(), fmt::format("{}", 2.0 / 3));
  EXPECT_THAT(cohort.Column("agreement.csv", "false_positives"), ElementsAre("2", "2", "0"));
  EXPECT_THAT(cohort.Column("agreement.csv", "sensitivity"), ElementsAre("1", "1", "1"));
  EXPECT_THAT(cohort.Column("follow_up.csv", "source"),
              ElementsAre("reference", "reference", "prediction", "prediction", "prediction"));
  EXPECT_THAT(cohort.Column("follow_up.csv", "change"),
              ElementsAre("grown", "gone", "stable", "gone", "new"));
  EXPECT_NEAR(
      std::stod(cohort.Column("follow_up_totals.csv", "change_ml")[0]), (6 - 8) * 16 * 0.036, 1e-9);
  EXPECT_EQ(cohort.Column("findings.csv", "target").size(), 10U);
  EXPECT_THAT(cohort.Column("burden.csv", "targets"), ElementsAre("2", "1", "1", "2", "2", "2"));
}

TEST(SapEvaluateDetails, CalibrationCountsTheVoxelsOfTheBody) {
  const Cohort cohort;
  ASSERT_EQ(cohort.Run({}).code, 0);
  const auto summary = nlohmann::json::parse(ReadFile(cohort.root / "out" / "summary.json"));
  const auto& voxel = summary.at("calibration").at("prediction").at("voxel");
  const int64_t counted = 3 * 12 * 20 * 16;
  EXPECT_EQ(voxel.at("n"), counted);
  EXPECT_EQ(voxel.at("positives"), 16 * (4 + 6 + 4));  // the pelvis lies outside this body
  // 12 slices of lesion say 0.9, 2 say 0; 8 slices of muscle say 0.6.
  const double squared = 16 * (12 * 0.01 + 2 * 1.0 + 8 * 0.36);
  EXPECT_NEAR(voxel.at("brier"), squared / static_cast<double>(counted), 1e-6);
  const auto& candidate = summary.at("calibration").at("prediction").at("candidate");
  EXPECT_EQ(candidate.at("n"), 6);
  EXPECT_EQ(candidate.at("positives"), 4);
  EXPECT_FALSE(fs::exists(cohort.root / "out" / "follow_up.csv"));
  EXPECT_FALSE(fs::exists(cohort.root / "out" / "agreement.csv"));
  const std::string page = ReadFile(cohort.root / "out" / "report.html");
  for (const char* title :
       {"Results per bone region", "Tumour burden per exam", ">Calibration</h2>"}) {
    EXPECT_THAT(page, HasSubstr(title));
  }
}

TEST(SapEvaluateDetails, DrawsTheReliabilityOfEveryMethod) {
  const Cohort cohort;
  ASSERT_EQ(cohort.Run({"figures=true"}).code, 0);
  EXPECT_THAT(ReadFile(cohort.root / "out" / "figures" / "calibration_voxels_1.csv"),
              HasSubstr("mean_p,observed,n"));
  if (!fs::exists("/usr/bin/gnuplot")) GTEST_SKIP() << "no gnuplot here";
  EXPECT_THAT(ReadFile(cohort.root / "out" / "figures" / "calibration.svg"), HasSubstr("</svg>"));
}

TEST(SapEvaluateDetails, SaysEveryFaultOfFollowUpAndMembers) {
  const Cohort cohort;
  const Outcome unknown = cohort.Run({"follow_up.P9=P2", "members.sap=[a,b]"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("follow_up.P9=P2: P9 is not evaluated"));
  EXPECT_THAT(unknown.err, HasSubstr("members.sap: no method has this name"));
  EXPECT_THAT(cohort.Run({"members.prediction=[fold_1]"}).err, HasSubstr("two members or more"));
  fs::remove_all(cohort.root / "fold_2" / "P2");
  const Outcome missing = cohort.Run({cohort.Members()});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("P2: the member fold_2 has no prediction"));
}

TEST(SapEvaluateDetails, RefusesTimePointsOnTwoGrids) {
  const Cohort cohort;
  Geometry moved = kGrid;
  moved.origin_mm.z = 8;
  for (const char* folder : {"reference", "prediction"}) {
    const std::string name = std::string(folder) == "reference" ? "GT" : "probability";
    cohort.Write(folder, "P1_b", name, Empty(at::kFloat), moved);
  }
  const Outcome outcome = cohort.Run({"follow_up.P1_b=P1_a"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("register P1_b to P1_a and resample it"));
}

TEST(SapEvaluateDetails, AMapThatIsNamedMustFitAndOneThatIsNotIsLeftOut) {
  const Cohort cohort;
  Geometry moved = kGrid;
  moved.origin_mm.x = 1;
  cohort.Write("reference", "P2", "skeleton", Empty(at::kByte), moved);
  const Outcome named = cohort.Run({"region_name=skeleton"});
  EXPECT_EQ(named.code, 3);
  EXPECT_THAT(named.err, HasSubstr("P2: skeleton.nii.gz is not on the reference's grid"));
  EXPECT_EQ(cohort.Run({"adc_name=ADC"}).code, 3);
  EXPECT_EQ(cohort.Run({"region_name=skeleton", "--dry-run"}).code, 3);
  EXPECT_EQ(cohort.Run({"region_name=\"\""}).code, 0);
  EXPECT_FALSE(fs::exists(cohort.root / "out" / "regions.csv"));
  const Outcome usual = cohort.Run({});
  EXPECT_EQ(usual.code, 0);
  EXPECT_EQ(cohort.Column("regions.csv", "exams")[0], "2");
  EXPECT_EQ(cohort.Column("lesions.csv", "region").back(), "");
}

TEST(SapEvaluateDetails, RefusesBonesThatTheTableLacks) {
  const Cohort cohort;
  cohort.Write("reference", "P2", "skeleton", at::full({24, 20, 16}, 12, at::kByte));
  const Outcome outcome = cohort.Run({});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("P2: skeleton.nii.gz holds label 12"));
}

}  // namespace
}  // namespace sap::cli
