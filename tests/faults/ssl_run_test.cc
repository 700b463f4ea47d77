// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/files.h"
#include "sap/nn/weights_io.h"
#include "support/run_program.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

// Self-supervised pretraining at the command line, from scans without labels to a lesion run.
namespace sap {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::RunProgram;

constexpr int kKilled = 137;

class SslRun : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::FreshFolder();
    testing::MakeTinyCohort(root_ / "patients", {.num_cases = 3, .size_vox = {64, 48, 64}});
    testing::MakeTinyCohort(root_ / "healthy",
                            {.num_cases = 3, .size_vox = {64, 48, 64}, .seed = 8});
    for (const auto& folder : fs::directory_iterator(root_ / "healthy")) {
      if (folder.is_directory()) fs::remove(folder.path() / "GT.nii.gz");
    }
  }

  std::vector<std::string> Command(const std::string& cohort,
                                   const std::string& name,
                                   const std::vector<std::string>& more) const {
    std::vector<std::string> command = {"sap-train",
                                        "--data.path",
                                        (root_ / cohort).string(),
                                        "--output_dir",
                                        (root_ / "runs").string(),
                                        "--name",
                                        name,
                                        "--roi_size",
                                        "[64, 32, 32]",
                                        "--feature_size",
                                        "12"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  ProgramResult Pretrain(const std::string& name,
                         const std::vector<std::string>& more = {},
                         const std::map<std::string, std::string>& environment = {}) const {
    auto command = Command("healthy",
                           name,
                           {"--task",
                            "ssl",
                            "--max_steps",
                            "5",
                            "--warmup_steps",
                            "2",
                            "--ssl.steps_per_epoch",
                            "2",
                            "--val_interval",
                            "1",
                            "--save_interval_epochs",
                            "1",
                            "--val_cases",
                            "[case_02]",
                            "--ssl.num_validation_crops",
                            "2"});
    command.insert(command.end(), more.begin(), more.end());
    return RunProgram(command, environment);
  }
  fs::path Run(const std::string& name) const { return root_ / "runs" / name; }
  std::string FinalHash(const std::string& name) const {
    return Sha256OfFile(Run(name) / "model_final.safetensors");
  }

  fs::path root_;
};

TEST_F(SslRun, LearnsWithoutLabelsAndItsEncoderAloneStartsALesionRun) {
  const ProgramResult result = Pretrain("ssl");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(Run("ssl") / "views" / "views_epoch_0001.png"));
  const nn::NamedTensors weights = nn::ReadSafetensors(Run("ssl") / "model_final.safetensors");
  EXPECT_EQ(weights.metadata.at("sap.task"), "ssl");
  EXPECT_EQ(weights.metadata.at("sap.step"), "5");
  EXPECT_EQ(weights.metadata.at("sap.subjects"), R"(["case_00","case_01","case_02"])");
  EXPECT_NE(weights.Find("rotation_head.weight"), nullptr);
  const ProgramResult lesion =
      RunProgram(Command("patients",
                         "lesion",
                         {"--max_epochs",
                          "1",
                          "--init.mode",
                          "ssl",
                          "--init.path",
                          (Run("ssl") / "model_final.safetensors").string()}));
  ASSERT_EQ(lesion.exit_code, 0) << lesion.err;
  const auto ledger = nlohmann::json::parse(ReadFile(Run("lesion") / "load_ledger.json"));
  for (const auto& tensor : ledger["tensors"]) {
    const std::string name = tensor["name"];
    const bool is_encoder = name.starts_with("swinViT.");
    const bool is_loaded = tensor["status"] == "loaded";
    if (is_loaded || tensor["status"] == "initialised") {
      EXPECT_EQ(is_loaded, is_encoder) << name;
    }
  }
  EXPECT_GT(ledger["counts"]["loaded"], 100);
}

// The reference writes "module." before every name when it trained on several GPUs.
TEST_F(SslRun, GoesOnFromAPretrainingFileThroughPtWithAPrefix) {
  ASSERT_EQ(Pretrain("first").exit_code, 0);
  nn::NamedTensors weights = nn::ReadSafetensors(Run("first") / "model_final.safetensors");
  for (auto& entry : weights.entries) entry.first.insert(0, "module.");
  nn::WritePt(root_ / "model_bestValRMSE.pt", weights, nn::PtForm::kStateDict);
  const ProgramResult result = Pretrain(
      "second", {"--init.mode", "ssl", "--init.path", (root_ / "model_bestValRMSE.pt").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto ledger = nlohmann::json::parse(ReadFile(Run("second") / "load_ledger.json"));
  EXPECT_EQ(ledger["counts"]["loaded"], weights.entries.size());
  EXPECT_EQ(ledger["counts"]["skipped"], 0);
  EXPECT_EQ(ledger["counts"]["initialised"], 0);
}

TEST_F(SslRun, KilledBetweenStepsEndsWithTheSameBits) {
  ASSERT_EQ(Pretrain("whole").exit_code, 0);
  ASSERT_EQ(Pretrain("killed", {}, {{"SAP_FAULT", "step=3"}}).exit_code, kKilled);
  const ProgramResult again = Pretrain("killed");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("resumed at step 2"));
  EXPECT_EQ(FinalHash("killed"), FinalHash("whole"));
}

TEST_F(SslRun, CountsEpochsWhereTheConfigDoes) {
  const ProgramResult result = RunProgram(Command(
      "healthy", "epochs", {"--task", "ssl", "--max_epochs", "2", "--ssl.steps_per_epoch", "3"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nn::NamedTensors weights = nn::ReadSafetensors(Run("epochs") / "model_final.safetensors");
  EXPECT_EQ(weights.metadata.at("sap.step"), "6");
}

TEST_F(SslRun, LeavesPatientsOutUnlessToldOtherwise) {
  const std::vector<std::string> task = {"--task", "ssl", "--dry-run"};
  const ProgramResult refused = RunProgram(Command("patients", "leak", task));
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("all 3 are of patients"), HasSubstr("ssl.patients: true")));
  const ProgramResult told = RunProgram(
      Command("patients", "leak", {"--task", "ssl", "--dry-run", "--ssl.patients", "true"}));
  EXPECT_EQ(told.exit_code, 0) << told.err;
}

TEST_F(SslRun, SaysWhatIsWrongWithCropsAndBatches) {
  int num_runs = 0;
  const auto fault = [&](const std::vector<std::string>& more, int exit_code) {
    const ProgramResult result = Pretrain("bad_" + std::to_string(num_runs++), more);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    return result.err;
  };
  EXPECT_THAT(fault({"--roi_size", "[64, 32, 64]"}, 2), HasSubstr("roi_size"));
  EXPECT_THAT(fault({"--roi_size", "[32, 32, 32]"}, 2), HasSubstr("one token"));
  EXPECT_THAT(fault({"--batch_size", "1"}, 2), HasSubstr("batch_size 1"));
  EXPECT_THAT(fault({"--batch_size", "9"}, 3), HasSubstr("fewer than batch_size 9"));
  EXPECT_THAT(fault({"--init.mode", "sap", "--init.path", "x.safetensors"}, 2),
              HasSubstr("task: ssl"));
}

}  // namespace
}  // namespace sap
