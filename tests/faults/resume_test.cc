// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "support/run_program.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

// A run that is killed anywhere ends, after the same command again, with bitwise the weights of
// an uninterrupted one.
namespace sap {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::RunProgram;

constexpr int kKilled = 137;

class Resume : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / "sap_tests" / "Resume";
    fs::remove_all(root_);
    fs::create_directories(root_);
    testing::MakeTinyCohort(root_ / "cohort", {.num_cases = 3, .size_vox = {48, 40, 64}});
    whole_ = Train("whole");
    ASSERT_EQ(whole_.exit_code, 0) << whole_.err;
  }

  static std::vector<std::string> Command(const std::string& name) {
    return {"sap-train",
            "--data.path",
            (root_ / "cohort").string(),
            "--output_dir",
            (root_ / "runs").string(),
            "--name",
            name,
            "--roi_size",
            "[32, 32, 64]",
            "--feature_size",
            "12",
            "--max_epochs",
            "2",
            "--warmup_epochs",
            "0",
            "--lr",
            "1e-3",
            "--drop_rate",
            "0.1",
            "--attn_drop_rate",
            "0.1",
            "--drop_path_rate",
            "0.1",
            "--val_cases",
            "[case_00]",
            "--val_interval",
            "1",
            "--save_interval_epochs",
            "1",
            "--save_interval_min",
            "0.01",
            "--num_threads",
            "2"};
  }
  static ProgramResult Train(const std::string& name,
                             const std::map<std::string, std::string>& environment = {}) {
    return RunProgram(Command(name), environment);
  }
  static std::string FinalHash(const std::string& name) {
    return Sha256OfFile(root_ / "runs" / name / "model_final.safetensors");
  }

  static fs::path root_;
  static ProgramResult whole_;
};
fs::path Resume::root_;
ProgramResult Resume::whole_;

TEST_F(Resume, KilledBetweenStepsEndsWithTheSameBits) {
  std::mt19937 random(20260101);
  for (int round = 0; round < 3; ++round) {
    const std::string name = "steps_" + std::to_string(round);
    int kills = 0;
    while (true) {
      const int step = 1 + static_cast<int>(random() % 5);
      const ProgramResult result = Train(name, {{"SAP_FAULT", "step=" + std::to_string(step)}});
      if (result.exit_code == 0) break;
      ASSERT_EQ(result.exit_code, kKilled) << result.err;
      ASSERT_LT(++kills, 30);
      if (kills == 4) {
        ASSERT_EQ(Train(name).exit_code, 0);
        break;
      }
    }
    EXPECT_GT(kills, 0);
    EXPECT_EQ(FinalHash(name), FinalHash("whole"));
  }
}

TEST_F(Resume, KilledInsideASaveUsesTheCheckpointBefore) {
  for (const char* place : {"save:before_manifest", "save:before_rename", "save:after_rename"}) {
    const std::string name = std::string("save_") + (place + 5);
    const ProgramResult killed = Train(name, {{"SAP_FAULT", std::string(place) + "=2"}});
    ASSERT_EQ(killed.exit_code, kKilled) << killed.err;
    const ProgramResult again = Train(name);
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(again.err, HasSubstr("resumed at step"));
    EXPECT_EQ(FinalHash(name), FinalHash("whole")) << place;
  }
}

TEST_F(Resume, StopSignalsSaveAndExit75) {
  for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2}) {
    const std::string name = "signal_" + std::to_string(signal);
    const ProgramResult stopped = testing::RunAndSignal(Command(name), signal, 2.5);
    if (stopped.exit_code == 0) continue;  // it was faster than the signal
    ASSERT_EQ(stopped.exit_code, kExitStoppedOnRequest) << stopped.err;
    EXPECT_THAT(stopped.err, HasSubstr("run the same command again"));
    ASSERT_EQ(Train(name).exit_code, 0);
    EXPECT_EQ(FinalHash(name), FinalHash("whole"));
  }
}

TEST_F(Resume, FinishedRunIsNotTouchedAgain) {
  const std::string before = FinalHash("whole");
  const ProgramResult again = Train("whole");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("finished already"));
  EXPECT_EQ(FinalHash("whole"), before);
  auto other = Command("whole");
  other.insert(other.end(), {"--seed", "7"});
  const ProgramResult refused = RunProgram(other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("another config"));
}

TEST_F(Resume, MustAndNeverMeanWhatTheySay) {
  auto never = Command("whole");
  never.insert(never.end(), {"--resume", "never"});
  EXPECT_EQ(RunProgram(never).exit_code, 2);
  auto must = Command("nothing_here");
  must.insert(must.end(), {"--resume", "must"});
  const ProgramResult result = RunProgram(must);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("no checkpoint"));
}

TEST_F(Resume, NumberOfWorkersDoesNotMatter) {
  auto command = Command("workers");
  command.insert(command.end(), {"--num_workers", "3"});
  ASSERT_EQ(RunProgram(command).exit_code, 0);
  EXPECT_EQ(FinalHash("workers"), FinalHash("whole"));
}

}  // namespace
}  // namespace sap
