// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <limits>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "support/run_program.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

// What a user can get wrong, at the command line: one message that names the place, the value, the
// rule and the next step; the documented exit code; nothing half written.
namespace sap {
namespace {

using ::testing::AllOf;
using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::RunProgram;

std::vector<std::string> TrainOn(const fs::path& root, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {"sap-train",
                                      "--data.path",
                                      (root / "cohort").string(),
                                      "--output_dir",
                                      (root / "runs").string(),
                                      "--roi_size",
                                      "[32, 32, 64]",
                                      "--feature_size",
                                      "12",
                                      "--max_epochs",
                                      "1"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

fs::path CohortIn(const fs::path& root) {
  testing::MakeTinyCohort(root / "cohort", {.num_cases = 2, .size_vox = {40, 40, 64}});
  return root / "cohort";
}

void ExpectFault(const ProgramResult& result, int exit_code, const std::string& text) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_THAT(result.err, HasSubstr(text));
  EXPECT_EQ(result.out, "");
}

TEST(BadInput, ConfigFaultsComeTogetherBeforeAnyDataIsRead) {
  const fs::path root = FreshFolder();
  std::ofstream(root / "it.yaml") << "data:\n  pathh: nowhere\nmax_epochs: many\nroi_size: 95\n";
  const ProgramResult result = RunProgram({"sap-train", "--config", (root / "it.yaml").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("it.yaml:2:3: unknown key 'data.pathh'; did you mean 'data.path'?"),
            HasSubstr("it.yaml:3:1: max_epochs: expected a whole number, found \"many\""),
            HasSubstr("it.yaml:4:1: roi_size: [95, 95, 95] is not a positive multiple of 32")));
}

TEST(BadInput, MissingModalityNamesTheCase) {
  const fs::path root = FreshFolder();
  fs::remove(CohortIn(root) / "case_01" / "b1000.nii.gz");
  const ProgramResult result = RunProgram(TrainOn(root));
  ExpectFault(result, 3, "case_01");
  EXPECT_THAT(result.err, HasSubstr("b1000"));
}

TEST(BadInput, LabelOnAnotherGridNamesCaseFileAndDifference) {
  const fs::path root = FreshFolder();
  const fs::path label = CohortIn(root) / "case_01" / "GT.nii.gz";
  const Volume volume = ReadLabels(label);
  Geometry moved = volume.geometry();
  moved.origin_mm.x += 5;
  WriteVolume(label, {volume.data().to(at::kByte), moved});
  const ProgramResult result = RunProgram(TrainOn(root));
  ExpectFault(result, 3, "case_01");
  EXPECT_THAT(result.err, AllOf(HasSubstr("GT"), HasSubstr("origin")));
}

TEST(BadInput, NanVoxelsAndTruncatedFilesAreAllListed) {
  const fs::path root = FreshFolder();
  const fs::path cohort = CohortIn(root);
  const Volume t1 = ReadVolume(cohort / "case_00" / "T1.nii.gz");
  Tensor broken = t1.data().clone();
  broken[3][4][5] = std::numeric_limits<float>::quiet_NaN();
  WriteVolume(cohort / "case_00" / "T1.nii.gz", t1.WithData(broken));
  fs::resize_file(cohort / "case_01" / "T1.nii.gz",
                  fs::file_size(cohort / "case_01" / "T1.nii.gz") / 2);
  const ProgramResult result = RunProgram(TrainOn(root));
  ExpectFault(result, 3, "case_00");
  EXPECT_THAT(result.err, HasSubstr("case_01"));
}

TEST(BadInput, LabelValueOutsideTheTable) {
  const fs::path root = FreshFolder();
  const fs::path label = CohortIn(root) / "case_01" / "skeleton.nii.gz";
  const Volume volume = ReadLabels(label);
  Tensor wrong = volume.data().clone();
  wrong[3][4][5] = 77;
  WriteVolume(label, volume.WithData(wrong.to(at::kByte)));
  const ProgramResult result = RunProgram(TrainOn(root, {"--task", "skeleton"}));
  ExpectFault(result, 3, "case_01");
  EXPECT_THAT(result.err, HasSubstr("77"));
}

TEST(BadInput, EmptyCohortSaysWhatACohortIs) {
  const fs::path root = FreshFolder();
  fs::create_directories(root / "cohort");
  ExpectFault(RunProgram(TrainOn(root)), 3, "cohort");
}

TEST(BadInput, CaseInTwoSplits) {
  const fs::path root = FreshFolder();
  CohortIn(root);
  ExpectFault(RunProgram(TrainOn(
                  root, {"--train_cases", "[case_00, case_01]", "--val_cases", "[case_01]"})),
              2,
              "case_01");
}

TEST(BadInput, WeightsOfAnotherWidth) {
  const fs::path root = FreshFolder();
  CohortIn(root);
  ASSERT_EQ(RunProgram(TrainOn(root, {"--name", "small"})).exit_code, 0);
  auto command = TrainOn(root,
                         {"--name",
                          "wide",
                          "--init.mode",
                          "sap",
                          "--init.path",
                          (root / "runs" / "small" / "model_final.safetensors").string()});
  command[8] = "24";
  const ProgramResult result = RunProgram(command);
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("12"), HasSubstr("24")));
}

TEST(BadInput, WeightsThatHaveSeenATestSubject) {
  const fs::path root = FreshFolder();
  CohortIn(root);
  ASSERT_EQ(RunProgram(TrainOn(root, {"--name", "all"})).exit_code, 0);
  std::vector<std::string> held_out = {"--name",
                                       "held_out",
                                       "--fold",
                                       "0",
                                       "--split.num_folds",
                                       "2",
                                       "--init.mode",
                                       "sap",
                                       "--init.path",
                                       (root / "runs/all/model_final.safetensors").string(),
                                       "--dry-run"};
  const ProgramResult result = RunProgram(TrainOn(root, held_out));
  ExpectFault(result, 3, "1 subjects of fold 0, which this run is tested on: ");
  EXPECT_THAT(result.err, HasSubstr("init.allow_seen_subjects=true"));
  held_out.insert(held_out.end(), {"--init.allow_seen_subjects", "true"});
  EXPECT_EQ(RunProgram(TrainOn(root, held_out)).exit_code, 0);
}

TEST(BadInput, TruncatedWeightsAndHostilePickles) {
  const fs::path root = FreshFolder();
  CohortIn(root);
  std::ofstream(root / "short.safetensors") << "\x10";
  std::ofstream(root / "evil.pt") << "cos\nsystem\n(S'id'\ntR.";
  for (const char* name : {"short.safetensors", "evil.pt"}) {
    const ProgramResult result =
        RunProgram(TrainOn(root, {"--init.mode", "sap", "--init.path", (root / name).string()}));
    ExpectFault(result, 3, name);
  }
}

TEST(BadInput, OutputFolderThatCannotBeWritten) {
  const fs::path root = FreshFolder();
  CohortIn(root);
  std::ofstream(root / "runs") << "a file, not a folder";
  ExpectFault(RunProgram(TrainOn(root)), 4, "runs");
}

TEST(BadInput, UnknownFlagAndMissingValue) {
  ExpectFault(RunProgram({"sap-train", "--lrr", "1"}), 2, "did you mean 'lr'?");
  ExpectFault(RunProgram({"sap-train", "--lr"}), 2, "needs a value");
  ExpectFault(RunProgram({"sap-train", "nonsense"}), 2, "nonsense");
  ExpectFault(RunProgram({"sap-cv"}), 2, "run | status | collect");
  ExpectFault(RunProgram({"sap-train", "--config", "/nonexistent.yaml"}), 4, "No such file");
}

TEST(BadInput, EveryProgramHasHelpAndVersion) {
  for (const char* name : {"sap-phantom",
                           "sap-train",
                           "sap-cv",
                           "sap-predict",
                           "sap-evaluate",
                           "sap-convert",
                           "sap-doctor"}) {
    const ProgramResult help = RunProgram({name, "--help"});
    EXPECT_EQ(help.exit_code, 0) << name;
    EXPECT_THAT(help.out, AllOf(HasSubstr("Example:"), HasSubstr("Exit codes:"))) << name;
    EXPECT_THAT(RunProgram({name, "--version"}).out, HasSubstr("LibTorch")) << name;
  }
}

}  // namespace
}  // namespace sap
