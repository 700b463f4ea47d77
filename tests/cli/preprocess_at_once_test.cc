// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_at_once.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "faults/small_exam.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

// What was under way at the same time at most: cases and their bytes.
struct Peaks {
  int cases = 0;
  int64_t bytes = 0;
  std::vector<int> times_run;
};

Peaks Observe(const std::vector<int64_t>& bytes, int at_once, std::optional<int64_t> most_bytes) {
  Peaks peaks{.times_run = std::vector<int>(bytes.size(), 0)};
  std::mutex mutex;
  int cases = 0;
  int64_t used = 0;
  RunAtOnce(
      bytes.size(),
      at_once,
      most_bytes,
      [&](std::size_t i) { return bytes[i]; },
      [&](std::size_t i) {
        {
          const std::lock_guard lock(mutex);
          ++peaks.times_run[i];
          peaks.cases = std::max(peaks.cases, ++cases);
          peaks.bytes = std::max(peaks.bytes, used += bytes[i]);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const std::lock_guard lock(mutex);
        --cases;
        used -= bytes[i];
      });
  return peaks;
}

TEST(RunAtOnce, RunsEachCaseOnceAndNoMoreAtATimeThanAsked) {
  const Peaks peaks = Observe({1, 1, 1, 1, 1, 1, 1}, 3, std::nullopt);
  EXPECT_EQ(peaks.times_run, std::vector<int>(7, 1));
  EXPECT_EQ(peaks.cases, 3);
  EXPECT_EQ(Observe({1, 1, 1}, 1, std::nullopt).cases, 1);
}

TEST(RunAtOnce, KeepsWithinTheMemoryAndRunsWhatNeverFitsAlone) {
  EXPECT_LE(Observe({4, 4, 4, 4, 4}, 5, 9).bytes, 9);
  const Peaks alone = Observe({20, 3, 3, 20}, 4, 9);
  EXPECT_EQ(alone.times_run, std::vector<int>(4, 1));
  EXPECT_EQ(alone.bytes, 20);
  EXPECT_EQ(Observe({20, 3, 3, 3}, 4, 9).cases, 3);
}

TEST(RunAtOnce, AfterAThrowNoneStartsAndTheExceptionArrives) {
  std::atomic<int> started{0};
  const auto run = [&](std::size_t i) {
    ++started;
    if (i == 1) throw std::runtime_error("case 1");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  };
  const auto bytes_of = [](std::size_t) { return int64_t{1}; };
  EXPECT_THROW(RunAtOnce(50, 3, 3, bytes_of, run), std::runtime_error);
  EXPECT_LE(started, 4);
  // Who waits for the memory of the one that threw must not wait for ever.
  const auto all = [](std::size_t) { return int64_t{9}; };
  EXPECT_THROW(RunAtOnce(9, 3, 10, all, [](std::size_t) { throw std::runtime_error("first"); }),
               std::runtime_error);
}

TEST(EstimatedBytes, FollowsTheVoxelsOfStationsOrOfTheResultWhicheverTakeMore) {
  const auto folder = testing::FreshFolder() / "p";
  std::filesystem::create_directories(folder);
  const Geometry grid{.size_vox = {10, 20, 30}, .spacing_mm = {2, 2, 2}};
  WriteVolume(folder / "T1_1.nii.gz", {at::zeros({10, 20, 30}), grid});
  PreprocessOptions options;
  options.pipeline.spacing_mm = XyzDouble{4, 4, 4};
  EXPECT_EQ(EstimatedBytes({"p", folder}, options), 6000 * 14);
  options.pipeline.spacing_mm = XyzDouble{1, 1, 1};
  EXPECT_EQ(EstimatedBytes({"p", folder}, options), 48000 * 26);
  WriteFileAtomically(folder / "T1_2.nii.gz", "no image");
  EXPECT_EQ(EstimatedBytes({"p", folder}, options), 0);
}

TEST(EstimatedBytes, ReadsTheGridsOfDicomFromItsHeaders) {
  const auto folder = testing::FreshFolder() / "p";
  testing::WriteDicomExam(folder, {});
  PreprocessOptions options;
  options.pipeline.spacing_mm = XyzDouble{1, 1, 1};
  // Two stations of 50 x 34 x 26 voxels of 8 mm, four slices shared; diffusion lies inside by a
  // voxel or so.
  const double result_vox = (50 * 8.0) * (34 * 8.0) * ((26 + 22) * 8.0);
  const double found = static_cast<double>(EstimatedBytes({"p", folder}, options)) / 26;
  EXPECT_NEAR(found / result_vox, 1, 0.1);
}

}  // namespace
}  // namespace sap::cli
