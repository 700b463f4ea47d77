// SPDX-License-Identifier: Apache-2.0
#include "sap/core/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <mutex>

#include <ATen/Parallel.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

namespace sap {
namespace {

std::mutex control_mutex;
std::unique_ptr<tbb::global_control> control;
std::atomic<int> chosen_threads{0};

// "max 100000" or "200000 100000": quota and period in microseconds (cgroup v2).
int CgroupCores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period_us = 0;
  if (!(file >> quota >> period_us) || quota == "max" || period_us <= 0) return 0;
  return std::max(1, static_cast<int>(std::stod(quota) / period_us));
}

}  // namespace

int AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = 1;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = std::max(1, CPU_COUNT(&set));
  const int quota = CgroupCores();
  return quota > 0 ? std::min(cores, quota) : cores;
}

void SetNumThreads(int num_threads) {
  const int threads = num_threads > 0 ? num_threads : AvailableCores();
  const std::lock_guard lock(control_mutex);
  control.reset();
  control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                  static_cast<std::size_t>(threads));
  chosen_threads = threads;
  at::set_num_threads(threads);
}

int NumThreads() {
  const int threads = chosen_threads;
  return threads > 0 ? threads : AvailableCores();
}

void ParallelFor(int64_t count,
                 int64_t grain,
                 const std::function<void(int64_t begin, int64_t end)>& body) {
  if (count <= 0) return;
  const int64_t piece = std::max<int64_t>(grain, 1);
  if (count <= piece || NumThreads() == 1) {
    body(0, count);
    return;
  }
  tbb::parallel_for(
      tbb::blocked_range<int64_t>(0, count, static_cast<std::size_t>(piece)),
      [&](const tbb::blocked_range<int64_t>& range) { body(range.begin(), range.end()); });
}

}  // namespace sap
