// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "sap/core/tensor.h"

namespace sap::nn {

// Cuts [0, count) into one contiguous piece per thread and runs body(begin, end, thread_idx) on
// LibTorch's own threads: a second pool would compete with workers that still spin after the
// last ATen operator. The cut depends on the number of threads only, so sums that are combined
// in thread order are reproducible.
void RunOnTeam(int64_t count,
               const std::function<void(int64_t begin, int64_t end, int thread_idx)>& body);

// Threads that RunOnTeam may use; thread_idx is below it.
int TeamSize();

// Uninitialised float32 [TeamSize(), count rounded up], each row aligned to 64 bytes.
Tensor TeamScratch(int64_t bytes_per_thread);

}  // namespace sap::nn
