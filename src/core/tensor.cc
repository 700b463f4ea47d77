// SPDX-License-Identifier: Apache-2.0
#include "sap/core/tensor.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace sap {

std::string ShapeString(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return fmt::format(
      "{}[{}]", c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ", "));
}

}  // namespace sap
