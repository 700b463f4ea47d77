// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "nn/kernels/kernel_table.h"

namespace sap::nn {
namespace {

const KernelTable& Detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return Avx512Kernels();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Avx2Kernels();
#endif
  return BaselineKernels();
}

std::atomic<const KernelTable*> test_table{nullptr};

}  // namespace

const KernelTable& ActiveKernels() {
  static const KernelTable& detected = Detect();
  const KernelTable* replaced = test_table.load(std::memory_order_acquire);
  return replaced != nullptr ? *replaced : detected;
}

void SetKernelsForTest(const KernelTable* table) {
  test_table.store(table, std::memory_order_release);
}

}  // namespace sap::nn
