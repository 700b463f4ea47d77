// SPDX-License-Identifier: Apache-2.0
// Compiled with -mavx512f and its byte, word and vector-length parts (cmake/SapKernels.cmake).
#define SAP_KERNEL_ISA isa_avx512
#include "nn/kernels/make_table.h"

namespace sap::nn {

const KernelTable& Avx512Kernels() {
  static constexpr KernelTable kTable = isa_avx512::MakeTable<16>("avx512");
  return kTable;
}

}  // namespace sap::nn
