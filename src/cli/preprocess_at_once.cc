// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_at_once.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/preprocess_input.h"
#include "sap/core/error.h"
#include "sap/preprocess/merge_stations.h"

namespace sap::cli {
namespace {

// Measured: 11.5 bytes for each voxel of fine stations (0.65 x 1.2 x 0.65 mm), where the steps
// before the merge take most; 23 for each voxel of the result where stations are coarser than it.
constexpr int64_t kBytesPerInputVox = 14;
constexpr int64_t kBytesPerResultVox = 26;

// Who runs now, and what that takes.
struct UnderWay {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0;
  std::optional<int64_t> next_bytes;  // asked for once, though a case may wait more than once
  int running = 0;
  int64_t bytes = 0;
  std::exception_ptr failure;
};

}  // namespace

int64_t EstimatedBytes(const Patient& patient, const PreprocessOptions& options) {
  std::vector<Geometry> grids;
  try {
    for (const auto& outline : OutlinePatient(patient, options)) grids.push_back(outline.grid);
  } catch (const Error&) {  // the reader proper will say what is wrong
  }
  if (grids.empty()) return 0;
  int64_t input_vox = 0;
  for (const Geometry& grid : grids) input_vox += grid.NumVoxels();
  // Without a spacing of its own the result has the finest stations' voxels.
  const Geometry& finest =
      *std::min_element(grids.begin(), grids.end(), [](const Geometry& a, const Geometry& b) {
        return a.VoxelMl() < b.VoxelMl();
      });
  const XyzDouble spacing_mm = options.pipeline.spacing_mm.value_or(finest.spacing_mm);
  const int64_t result_vox = preprocess::MergedGrid(grids, spacing_mm).NumVoxels();
  return std::max(input_vox * kBytesPerInputVox, result_vox * kBytesPerResultVox);
}

void RunAtOnce(std::size_t count,
               int at_once,
               std::optional<int64_t> most_bytes,
               const std::function<int64_t(std::size_t)>& bytes_of,
               const std::function<void(std::size_t)>& run) {
  UnderWay now;
  const auto work = [&] {
    std::unique_lock lock(now.mutex);
    while (now.next < count && !now.failure) {
      const std::size_t i = now.next;
      if (!now.next_bytes) now.next_bytes = bytes_of(i);
      const int64_t bytes = *now.next_bytes;
      const bool fits = now.running == 0 || !most_bytes || now.bytes + bytes <= *most_bytes;
      if (!fits) {
        now.changed.wait(lock);
        continue;  // another thread may have taken this case meanwhile
      }
      ++now.next;
      now.next_bytes.reset();
      ++now.running;
      now.bytes += bytes;
      lock.unlock();
      run(i);
      lock.lock();
      --now.running;
      now.bytes -= bytes;
      now.changed.notify_all();
    }
  };
  const auto work_or_stop = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(now.mutex);
      if (!now.failure) now.failure = std::current_exception();
      now.changed.notify_all();  // who waits for memory would wait for ever
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 1; t < std::min<int>(at_once, static_cast<int>(count)); ++t) {
      threads.emplace_back(work_or_stop);
    }
    work_or_stop();
  }
  if (now.failure) std::rethrow_exception(now.failure);
}

}  // namespace sap::cli
