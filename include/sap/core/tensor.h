// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

namespace sap {

// The light name of a tensor: headers that only pass tensors on include this, not ATen/ATen.h.
using at::Tensor;

// "float32[2, 96, 96, 96]", for messages.
std::string ShapeString(const Tensor& tensor);

}  // namespace sap
