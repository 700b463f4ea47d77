// SPDX-License-Identifier: Apache-2.0
#include "sap/train/run_dir.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/shared_folder.h"

namespace sap::train {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;

std::string FaultOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// A run that has saved: config and one checkpoint.
void BeginRun(const fs::path& root, const std::string& config) {
  const RunDir first(root, config, ResumeRule::kAuto);
  CreateFolder(first.files().Checkpoints() / "step-000000001");
}

TEST(RunDir, AnotherConfigNeverContinuesARun) {
  const fs::path root = FreshFolder() / "run";
  BeginRun(root, "lr: 1\nseed: 2\n");
  EXPECT_THAT(FaultOf([&] { RunDir(root, "lr: 1\nseed: 3\n", ResumeRule::kAuto); }),
              HasSubstr("'seed: 2' there, 'seed: 3' now"));
  EXPECT_EQ(ReadFile(root / "config.resolved.yaml"), "lr: 1\nseed: 2\n");
}

TEST(RunDir, NeverRefusesAndMustNeedsACheckpoint) {
  const fs::path root = FreshFolder() / "run";
  EXPECT_THAT(FaultOf([&] { RunDir(root, "a: 1\n", ResumeRule::kMust); }),
              HasSubstr("no checkpoint"));
  BeginRun(root, "a: 1\n");
  EXPECT_THAT(FaultOf([&] { RunDir(root, "a: 1\n", ResumeRule::kNever); }),
              HasSubstr("holds a run already"));
}

TEST(RunDir, MendedConfigMayFollowARunThatSavedNothing) {
  const fs::path root = FreshFolder() / "run";
  { const RunDir failed(root, "path: wrong\n", ResumeRule::kAuto); }
  const RunDir mended(root, "path: right\n", ResumeRule::kAuto);
  EXPECT_EQ(mended.status(), RunDir::Status::kFresh);
  EXPECT_EQ(ReadFile(root / "config.resolved.yaml"), "path: right\n");
}

TEST(RunDir, SecondProcessIsKeptOut) {
  const fs::path root = FreshFolder() / "run";
  const RunDir first(root, "a: 1\n", ResumeRule::kAuto);
  EXPECT_THAT(FaultOf([&] { RunDir(root, "a: 1\n", ResumeRule::kAuto); }),
              HasSubstr("another process"));
}

TEST(RunDir, FinalWeightsMeanFinished) {
  const fs::path root = FreshFolder() / "run";
  { const RunDir first(root, "a: 1\n", ResumeRule::kAuto); }
  WriteFileAtomically(root / "model_final.safetensors", "x");
  EXPECT_EQ(RunDir(root, "a: 1\n", ResumeRule::kAuto).status(), RunDir::Status::kFinished);
}

}  // namespace
}  // namespace sap::train
