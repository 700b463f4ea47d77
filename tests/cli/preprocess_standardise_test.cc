// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_standardise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "faults/small_exam.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/intensity.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json ReadJson(const fs::path& path) {
  return json::parse(ReadFile(path));
}

// One cohort of two exams, whose scale a third exam is put on.
class Standardise : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / "sap_tests" / "Standardise";
    fs::remove_all(root_);
    testing::WriteNiftiExam(root_ / "in" / "A", 1.0, 1);
    testing::WriteNiftiExam(root_ / "in" / "B", 1.5, 2);
    testing::WriteNiftiExam(root_ / "new" / "C", 0.7, 3);
    ASSERT_EQ(Run("in", "cohort").exit_code, 0);
  }

  static testing::ProgramResult Run(const std::string& input,
                                    const std::string& output,
                                    const std::vector<std::string>& more = {}) {
    return testing::RunProgram(testing::PreprocessCommand(root_ / input, root_ / output, more));
  }
  static std::vector<double> PositivePercentiles(const fs::path& image, const json& percents) {
    const Tensor data_XYZ = ReadVolume(image).data();
    return Percentiles(data_XYZ.masked_select(data_XYZ > 0), percents.get<std::vector<double>>());
  }

  static fs::path root_;
};
fs::path Standardise::root_;

TEST_F(Standardise, TheRecordHoldsThePercentilesOfTheImageAsMade) {
  ASSERT_EQ(Run("in", "as_made", {"--set", "standardise=false"}).exit_code, 0);
  for (const std::string modality : {"T1", "b1000"}) {
    const json made = ReadJson(root_ / "as_made" / "A" / "case.json").at("nyul").at(modality);
    const json moved = ReadJson(root_ / "cohort" / "A" / "case.json").at("nyul").at(modality);
    EXPECT_EQ(made.at("landmarks"),
              json(PositivePercentiles(root_ / "as_made" / "A" / (modality + ".nii.gz"),
                                       made.at("percentiles"))));
    EXPECT_FALSE(made.contains("map"));
    EXPECT_EQ(moved.at("landmarks"), made.at("landmarks"));
    EXPECT_EQ(moved.at("map").at("from"), made.at("landmarks"));
    EXPECT_EQ(moved.at("map").at("to"),
              ReadJson(root_ / "cohort" / ("nyul_" + modality + ".json")).at("standard"));
  }
}

TEST_F(Standardise, AGivenScaleIsAppliedToAPartAndWritesNoneOfItsOwn) {
  const std::vector<std::string> part = {
      "--part", "1/1", "--set", "scale_from=" + (root_ / "cohort").string()};
  const testing::ProgramResult run = Run("new", "part", part);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err + run.out, HasSubstr("2 images standardised"));
  for (const std::string modality : {"T1", "b1000"}) {
    const json model = ReadJson(root_ / "cohort" / ("nyul_" + modality + ".json"));
    const std::vector<double> found =
        PositivePercentiles(root_ / "part" / "C" / (modality + ".nii.gz"), model.at("percentiles"));
    const auto standard = model.at("standard").get<std::vector<double>>();
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_NEAR(found[i] / standard[i], 1, 1e-3) << modality << " " << i;
    }
    EXPECT_FALSE(fs::exists(root_ / "part" / ("nyul_" + modality + ".json")));
  }
  EXPECT_THAT(Run("new", "part", part).out, HasSubstr("0 made now, 0 images standardised"));
}

TEST_F(Standardise, ACaseGoesFromOneScaleToAnotherAsIfItHadNeverBeenOnTheFirst) {
  ASSERT_EQ(Run("new", "other").exit_code, 0);
  const std::string scale = "scale_from=" + (root_ / "other").string();
  ASSERT_EQ(Run("in", "own_first").exit_code, 0);
  EXPECT_THAT(Run("in", "own_first", {"--set", scale}).out,
              HasSubstr("0 made now, 4 images standardised"));
  ASSERT_EQ(Run("in", "direct", {"--set", scale}).exit_code, 0);
  const Tensor own = ReadVolume(root_ / "cohort" / "B" / "T1.nii.gz").data();
  const Tensor moved = ReadVolume(root_ / "own_first" / "B" / "T1.nii.gz").data();
  const Tensor direct = ReadVolume(root_ / "direct" / "B" / "T1.nii.gz").data();
  EXPECT_LT(((moved - direct).abs() / direct.clamp_min(1)).max().item<double>(), 1e-5);
  EXPECT_GT(((own - direct).abs() / direct.clamp_min(1)).max().item<double>(), 0.1);
}

TEST_F(Standardise, AScaleThatIsMissingDamagedOrForOtherPercentilesIsRefusedBeforeWork) {
  const auto refused = [&](const fs::path& scale, const std::vector<std::string>& more = {}) {
    std::vector<std::string> options = {"--set", "scale_from=" + scale.string()};
    options.insert(options.end(), more.begin(), more.end());
    const testing::ProgramResult run = Run("new", "refused", options);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_FALSE(fs::exists(root_ / "refused" / "C"));
    EXPECT_EQ(run.err.find(root_.string()), std::string::npos) << run.err;
    return run.err;
  };
  EXPECT_THAT(refused(root_ / "in"), HasSubstr("scale_from: it has no nyul_T1.json; give the"));
  fs::create_directories(root_ / "damaged");
  WriteFileAtomically(root_ / "damaged" / "nyul_T1.json", "{\"standard\": [1, 2]");
  EXPECT_THAT(refused(root_ / "damaged"), HasSubstr("nyul_T1.json is not what a run"));
  WriteFileAtomically(root_ / "damaged" / "nyul_T1.json",
                      R"({"percentiles": [0, 20, 40, 60, 80, 95], "standard": [1, "x"]})");
  EXPECT_THAT(refused(root_ / "damaged"), HasSubstr("nyul_T1.json is not what a run"));
  EXPECT_THAT(refused(root_ / "cohort", {"--set", "nyul.percentiles=[1, 50, 99]"}),
              HasSubstr("for the percentiles [0.0,20.0,40.0,60.0,80.0,95.0], nyul.percentiles are "
                        "[1.0,50.0,99.0]; make them equal"));
}

TEST(NativeLandmarks, RefuseAnImageThatIsZeroEverywhere) {
  const Geometry grid{.size_vox = {4, 4, 4}};
  const preprocess::CaseVolumes volumes{
      .t1 = {at::ones({4, 4, 4}), grid}, .b1000 = {at::zeros({4, 4, 4}), grid}, .body = {}};
  try {
    NativeLandmarks(volumes, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("b1000 is 0 everywhere inside the body"));
  }
}

}  // namespace
}  // namespace sap::cli
