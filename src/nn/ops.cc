// SPDX-License-Identifier: Apache-2.0
#include "nn/ops.h"

#include "sap/nn/unetr_blocks.h"
#include "sap/nn/window_attention.h"

namespace sap::nn::ops {

Tensor WindowAttention(const Tensor& qkv_MNE, const Tensor& table_Th,
                       const std::optional<Tensor>& region_WN, int64_t num_heads,
                       double dropout_p, Kernels /*kernels*/) {
  return ReferenceWindowAttention(qkv_MNE, table_Th, region_WN, num_heads, dropout_p);
}

Tensor InstanceNormAct(const Tensor& x_BCXYZ, const std::optional<Tensor>& residual_BCXYZ,
                       double slope, Kernels /*kernels*/) {
  return ReferenceInstanceNormAct(x_BCXYZ, residual_BCXYZ, slope);
}

}  // namespace sap::nn::ops
