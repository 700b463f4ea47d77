// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "sap/core/tensor.h"

// The deterministic numbers with which the golden values were made (swin_unetr §1.15). Every
// language can rebuild them, so no input tensor needs to be stored.
namespace sap::testing {

// Uniform in [0, 1): a counter-based mix of series k and element i.
inline double FillU(uint64_t k, uint64_t i) {
  uint64_t z = (k << 32) + i + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

inline double FillV(uint64_t k, uint64_t i) {
  return 2.0 * FillU(k, i) - 1.0;
}

// v(k, i) * scale + offset in the given shape, rounded to float32.
inline Tensor FillTensor(uint64_t k,
                         at::IntArrayRef shape,
                         double scale = 1.0,
                         double offset = 0.0) {
  Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(FillV(k, static_cast<uint64_t>(i)) * scale + offset);
  }
  return tensor;
}

// Fills every parameter; its series is its 1-based place in named_parameters.
inline void FillParameters(torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  uint64_t k = 0;
  for (auto& item : module.named_parameters()) {
    const std::string& name = item.key();
    Tensor& parameter = item.value();
    const bool is_vector = parameter.dim() == 1;
    const bool is_weight = name.ends_with("weight");
    double scale = 0.2;
    if (name.ends_with("relative_position_bias_table")) {
      scale = 0.5;
    } else if (!is_vector) {
      scale = std::sqrt(3.0 * static_cast<double>(parameter.size(0)) /
                        static_cast<double>(parameter.numel()));
    }
    const double offset = is_vector && is_weight ? 1.0 : 0.0;
    parameter.copy_(FillTensor(++k, parameter.sizes(), scale, offset));
  }
}

}  // namespace sap::testing
