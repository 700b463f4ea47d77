// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_at_once.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

constexpr int64_t kBytesPerVox = 18;

int64_t NumVoxels(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name.ends_with(".nii") || name.ends_with(".nii.gz")) {
    try {
      return ReadGeometry(file).NumVoxels();
    } catch (const std::exception&) {  // the reader proper will say what is wrong
    }
  }
  std::error_code ignored;
  const auto bytes = fs::file_size(file, ignored);
  return ignored ? 0 : static_cast<int64_t>(bytes) / 2;
}

// Who runs now, and what that takes.
struct UnderWay {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0;
  int running = 0;
  int64_t bytes = 0;
  std::exception_ptr failure;
};

}  // namespace

int64_t EstimatedBytes(const Patient& patient) {
  int64_t voxels = 0;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(patient.folder, ignored)) {
    if (entry.is_regular_file(ignored)) voxels += NumVoxels(entry.path());
  }
  return voxels * kBytesPerVox;
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
      const int64_t bytes = bytes_of(i);
      const bool fits = now.running == 0 || !most_bytes || now.bytes + bytes <= *most_bytes;
      if (!fits) {
        now.changed.wait(lock);
        continue;  // another thread may have taken this case meanwhile
      }
      ++now.next;
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
