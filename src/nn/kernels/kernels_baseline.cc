// SPDX-License-Identifier: Apache-2.0
// For a CPU of which nothing is known: vectors of 4 (SSE2, NEON).
#define SAP_KERNEL_ISA isa_baseline
#include "nn/kernels/make_table.h"

namespace sap::nn {

const KernelTable& BaselineKernels() {
  static constexpr KernelTable kTable = isa_baseline::MakeTable<4>("baseline");
  return kTable;
}

}  // namespace sap::nn
