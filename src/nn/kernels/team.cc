// SPDX-License-Identifier: Apache-2.0
#include "nn/kernels/team.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

namespace sap::nn {

int TeamSize() {
  return at::in_parallel_region() ? 1 : std::max(1, at::get_num_threads());
}

void RunOnTeam(int64_t count, const std::function<void(int64_t, int64_t, int)>& body) {
  if (count <= 0) return;
  const int64_t threads = std::min<int64_t>(TeamSize(), count);
  if (threads == 1) {
    body(0, count, 0);
    return;
  }
  // Our files are built without OpenMP, where at::parallel_for is serial. An iterator over one
  // element per thread reaches the parallel loop that was compiled into LibTorch.
  Tensor ranks = at::arange(threads, at::kLong);
  auto iterator = at::TensorIteratorConfig()
                      .set_check_mem_overlap(false)
                      .check_all_same_dtype(false)
                      .resize_outputs(false)
                      .add_output(ranks)
                      .build();
  iterator.for_each(
      [&](char** data, const int64_t* strides, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
          const int64_t rank = *reinterpret_cast<const int64_t*>(data[0] + i * strides[0]);
          const int64_t begin = count * rank / threads;
          const int64_t end = count * (rank + 1) / threads;
          body(begin, end, static_cast<int>(rank));
        }
      },
      /*grain_size=*/1);
}

Tensor TeamScratch(int64_t bytes_per_thread) {
  const int64_t floats = (bytes_per_thread + 63) / 64 * 16;
  return at::empty({TeamSize(), floats}, at::kFloat);
}

}  // namespace sap::nn
