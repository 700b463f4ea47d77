// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace sap {

// Runs body(begin, end) over [0, count) in pieces of at least `grain` on the process's threads
// (oneTBB). The first exception is rethrown here. Results must not depend on the piece borders.
void ParallelFor(int64_t count,
                 int64_t grain,
                 const std::function<void(int64_t begin, int64_t end)>& body);

// Threads that ParallelFor and LibTorch may use in this process; 0 = all that the affinity
// mask and the container allow. Set once, early.
void SetNumThreads(int num_threads);
int NumThreads();

// Cores that the affinity mask and the cgroup quota of this process allow.
int AvailableCores();

}  // namespace sap
