// SPDX-License-Identifier: Apache-2.0
// The 16-lane logic compiled for AVX2, so that tests reach it on CPUs without AVX-512.
#define SAP_KERNEL_ISA isa_avx2_wide
#include "nn/kernels/make_table.h"

namespace sap::nn {

const KernelTable& Avx2WideKernels() {
  static constexpr KernelTable kTable = isa_avx2_wide::MakeTable<16>("avx2-wide");
  return kTable;
}

}  // namespace sap::nn
