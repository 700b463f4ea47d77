// SPDX-License-Identifier: Apache-2.0
#include "sap/core/tensor.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace sap {

namespace {

std::string DtypeName(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kByte:
      return "uint8";
    case at::kChar:
      return "int8";
    case at::kShort:
      return "int16";
    case at::kInt:
      return "int32";
    case at::kLong:
      return "int64";
    case at::kBool:
      return "bool";
    default:
      return c10::toString(dtype);
  }
}

}  // namespace

std::string ShapeString(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return fmt::format(
      "{}[{}]", DtypeName(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ", "));
}

}  // namespace sap
