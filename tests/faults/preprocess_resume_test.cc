// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faults/small_exam.h"
#include "support/folder_hashes.h"
#include "support/shared_folder.h"

// sap-preprocess that is stopped anywhere, or meets a full disk, ends after the same command again
// with the bytes of an uninterrupted run.
namespace sap {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::PreprocessCommand;
using testing::ProgramResult;
using testing::RunProgram;

constexpr int kKilled = 137;

// All that a run leaves but its table of seconds.
auto Results(const fs::path& folder) {
  return testing::HashesBelow(folder, "preprocess_times.jsonl");
}

class PreprocessResume : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / "sap_tests" / "PreprocessResume";
    fs::remove_all(root_);
    testing::WriteNiftiExam(root_ / "in" / "A", 1.0, 1);
    testing::WriteNiftiExam(root_ / "in" / "B", 1.5, 2);
    testing::WriteNiftiExam(root_ / "in" / "C", 0.8, 3);
    const ProgramResult whole = Run("whole");
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    whole_ = Results(root_ / "whole");
    // Most tests begin where two of the three exams are finished.
    ASSERT_EQ(Run("begun", {"--set", "cases=[A, B]"}).exit_code, 0);
    fs::remove(root_ / "begun" / "preprocess_cohort.csv");
  }

  static ProgramResult Run(const std::string& output,
                           const std::vector<std::string>& more = {},
                           const std::map<std::string, std::string>& environment = {}) {
    return RunProgram(PreprocessCommand(root_ / "in", root_ / output, more), environment);
  }
  static std::string Begin(const std::string& output) {
    fs::copy(root_ / "begun", root_ / output, fs::copy_options::recursive);
    return output;
  }

  static fs::path root_;
  static std::map<std::string, std::string> whole_;
};
fs::path PreprocessResume::root_;
std::map<std::string, std::string> PreprocessResume::whole_;

TEST_F(PreprocessResume, KilledAtAnyPlaceItEndsWithTheSameBytes) {
  ASSERT_GT(whole_.size(), 20U);
  for (const char* place : {"mask",
                            "adc",
                            "denoise",
                            "bias",
                            "isis",
                            "register_stations",
                            "register_to_t1",
                            "merge",
                            "images",
                            "record",
                            "folder",
                            "standardise=2",
                            "standardise:images=2",
                            "standardise:record=2",
                            "standardise:model=2",
                            "table"}) {
    const std::string output = Begin(place);
    const ProgramResult killed = Run(output, {}, {{"SAP_FAULT", place}});
    ASSERT_EQ(killed.exit_code, kKilled) << place << killed.err;
    EXPECT_NE(Results(root_ / output), whole_) << place;
    const ProgramResult again = Run(output);
    ASSERT_EQ(again.exit_code, 0) << place << again.err;
    EXPECT_EQ(Results(root_ / output), whole_) << place;
  }
}

TEST_F(PreprocessResume, KilledAtAnyMomentItEndsWithTheSameBytes) {
  const std::string output = "moments";
  for (const double delay_s : {0.3, 0.7, 1.1, 1.5}) {
    testing::RunAndSignal(PreprocessCommand(root_ / "in", root_ / output), SIGKILL, delay_s);
  }
  ASSERT_EQ(Run(output).exit_code, 0);
  EXPECT_EQ(Results(root_ / output), whole_);
}

TEST_F(PreprocessResume, ThreeSharesAtOnceAndAFinalRunGiveTheOutputsOfOneRun) {
  std::vector<ProgramResult> results(3);
  std::vector<std::thread> shares;
  for (std::size_t i = 0; i < 3; ++i) {
    shares.emplace_back([&, i] {
      results[i] = Run("shares", {"--part", fmt::format("{}/3", i + 1)});
    });
  }
  for (std::thread& share : shares) share.join();
  for (const ProgramResult& result : results) ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_FALSE(fs::exists(root_ / "shares" / "preprocess_cohort.csv"));  // the cohort's alone
  const ProgramResult last = Run("shares");
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_THAT(last.out, HasSubstr("0 made now"));
  EXPECT_EQ(Results(root_ / "shares"), whole_);
}

std::uintmax_t LargestFileBytes(const fs::path& folder) {
  std::uintmax_t largest = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    largest = std::max(largest, entry.file_size());
  }
  return largest;
}

TEST_F(PreprocessResume, AFullDiskFailsOneCaseKeepsItsOldResultAndLetsOthersGoOn) {
  const fs::path in = FreshFolder() / "in", out = in.parent_path() / "out";
  testing::WriteNiftiExam(in / "large", 1.0, 1);
  testing::WriteNiftiExam(in / "small", 1.0, 2, /*num_stations=*/1);
  const std::vector<std::string> first = {"--set", "standardise=false"};
  ASSERT_EQ(RunProgram(PreprocessCommand(in, out, first)).exit_code, 0);
  const auto old_large = Results(out / "large"), old_small = Results(out / "small");
  std::vector<std::string> second = first;
  second.insert(second.end(), {"--set", "denoise.iterations=3"});  // both are made again
  const auto large_bytes = LargestFileBytes(out / "large");
  const auto small_bytes = LargestFileBytes(out / "small");
  ASSERT_GT(large_bytes, small_bytes + 20000);
  const ProgramResult full = testing::RunWithSmallFiles(PreprocessCommand(in, out, second),
                                                        (large_bytes + small_bytes) / 2);
  EXPECT_EQ(full.exit_code, 4) << full.err;
  EXPECT_THAT(full.err, HasSubstr("1 of 2 cases failed"));
  EXPECT_THAT(full.err, HasSubstr("nii.gz: cannot be written: File too large; check the free"));
  EXPECT_EQ(Results(out / "large"), old_large);
  EXPECT_NE(Results(out / "small"), old_small);
  for (const auto& entry : fs::directory_iterator(out)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp")) << entry.path();
  }
  ASSERT_EQ(RunProgram(PreprocessCommand(in, out, second)).exit_code, 0);
  EXPECT_NE(Results(out / "large"), old_large);
}

// Unmounts at the end of the test.
class TinyDisk {
 public:
  explicit TinyDisk(const fs::path& at) : at_(at) {
    fs::create_directories(at);
    mounted_ = ::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=100k") == 0;
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  ~TinyDisk() {
    if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  fs::path at_;
  bool mounted_ = false;
};

TEST_F(PreprocessResume, ADiskWithoutSpaceSaysSoForEveryCaseAndLeavesNothingBehind) {
  const fs::path disk_folder = FreshFolder() / "disk";
  const TinyDisk disk(disk_folder);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system of its own";
  const ProgramResult full =
      RunProgram(PreprocessCommand(root_ / "in", disk_folder, {"--set", "cases=[A, B]"}));
  EXPECT_EQ(full.exit_code, 4) << full.err;
  EXPECT_THAT(full.err, HasSubstr("2 of 2 cases failed"));
  EXPECT_THAT(full.err, HasSubstr("B: "));
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  for (const auto& [name, hash] : Results(disk_folder)) {
    EXPECT_EQ(name, "preprocess_cohort.csv");
  }
}

TEST_F(PreprocessResume, LesionsDrawnInACaseFolderAreNeverLost) {
  const std::string output = Begin("drawn");
  const fs::path drawn = root_ / output / "A" / "GT.nii.gz";
  std::ofstream(drawn) << "days of work";
  // The same command again leaves the case as it is, and finishes the cohort.
  const ProgramResult again = Run(output);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("3 cases (1 made now"));
  EXPECT_EQ(ReadFile(drawn), "days of work");
  const auto before = Results(root_ / output / "A");
  // Other options would make it anew, on a grid of their own.
  const ProgramResult other = Run(output, {"--set", "spacing=9"});
  EXPECT_EQ(other.exit_code, 4) << other.err;
  EXPECT_THAT(other.err,
              HasSubstr("1 of 3 cases failed:\nA: its folder in output_dir holds a file "
                        "that this program did not write"));
  EXPECT_EQ(Results(root_ / output / "A"), before);
  const ProgramResult plan = Run(output, {"--set", "spacing=10", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 3);
  EXPECT_THAT(plan.out, HasSubstr("  refused: A: its folder in output_dir holds a file"));
}

TEST_F(PreprocessResume, StationsAreNotReplacedByTheirResult) {
  const fs::path in = FreshFolder() / "in";
  testing::WriteNiftiExam(in / "A");
  const auto before = Results(in / "A");
  const ProgramResult onto_input = RunProgram(PreprocessCommand(in, in));
  EXPECT_EQ(onto_input.exit_code, 4) << onto_input.err;
  EXPECT_THAT(onto_input.err, HasSubstr("A: its folder in output_dir holds 6 files that this"));
  EXPECT_EQ(Results(in / "A"), before);
}

TEST_F(PreprocessResume, FromALaterStepRefusesIntermediatesOfOtherOptionsOrInput) {
  const fs::path in = FreshFolder() / "in", out = in.parent_path() / "out";
  testing::WriteNiftiExam(in / "A");
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--set", "qc=false"});
    return RunProgram(PreprocessCommand(in, out, more));
  };
  ASSERT_EQ(run({"--set", "keep_intermediates=true"}).exit_code, 0);
  // An option of a later step is what --from is for; one of an earlier step is in the voxels.
  EXPECT_EQ(run({"--from", "isis", "--set", "isis.estimator=author_mean"}).exit_code, 0);
  EXPECT_EQ(run({"--from", "bias", "--set", "bias.convergence=1e-3"}).exit_code, 0);
  const ProgramResult other = run({"--from", "isis", "--set", "bias.convergence=1e-3"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err,
              HasSubstr("A: since its intermediates were kept, bias.convergence changed"));
  testing::WriteNiftiExam(in / "A", /*gain=*/2);
  const ProgramResult moved = run({"--from", "merge"});
  EXPECT_EQ(moved.exit_code, 2);
  EXPECT_THAT(moved.err, HasSubstr("the input files changed"));
}

TEST_F(PreprocessResume, AnOutputThatIsNoFolderIsRefusedBeforeAnyWork) {
  const fs::path root = FreshFolder();
  std::ofstream(root / "out") << "a file";
  const ProgramResult result = RunProgram(PreprocessCommand(root_ / "in", root / "out"));
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("cannot create the folder"));
  EXPECT_EQ(result.err.find("failed"), std::string::npos);
}

}  // namespace
}  // namespace sap
