// SPDX-License-Identifier: Apache-2.0
// Compiled with -mavx2 -mfma (cmake/SapKernels.cmake).
#define SAP_KERNEL_ISA isa_avx2
#include "nn/kernels/make_table.h"

namespace sap::nn {

const KernelTable& Avx2Kernels() {
  static constexpr KernelTable kTable = isa_avx2::MakeTable<8>("avx2");
  return kTable;
}

}  // namespace sap::nn
