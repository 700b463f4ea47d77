// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/attention_kernel.h"
#include "nn/kernels/norm_kernel.h"
#include "nn/kernels/winograd_kernel.h"

namespace sap::nn::SAP_KERNEL_ISA {

template <int L>
constexpr KernelTable MakeTable(const char* name) {
  return {name,
          L,
          AttentionScratch<L>,
          AttentionForward<L>,
          AttentionBackward<L>,
          NormSums<L>,
          NormApply<L>,
          NormGradSums<L>,
          NormGradApply<L>,
          WinogradScratch<L>,
          WinogradPack<L>,
          WinogradForward<L>,
          WinogradWeightGrad<L>};
}

}  // namespace sap::nn::SAP_KERNEL_ISA
