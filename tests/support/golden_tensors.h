// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "sap/core/files.h"
#include "sap/core/tensor.h"

namespace sap::testing {

// v(k, i) of the reference data's README, i over the C order of `shape`, rounded to float32.
inline Tensor GoldenFill(uint64_t k, const std::vector<int64_t>& shape) {
  Tensor filled = at::empty(shape, at::kFloat);
  float* values = filled.data_ptr<float>();
  for (int64_t i = 0; i < filled.numel(); ++i) {
    uint64_t z = (k << 32U) + static_cast<uint64_t>(i) + 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    z ^= z >> 31U;
    const double unit = static_cast<double>(z >> 11U) * 0x1.0p-53;
    values[i] = static_cast<float>(2.0 * unit - 1.0);
  }
  return filled;
}

// One tensor of a .safetensors file (F32, F64, U8, I64), read without the library's own reader so
// that modules below nn can use it.
inline Tensor GoldenTensor(const std::filesystem::path& path, const std::string& name) {
  const std::string bytes = ReadFile(path);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  const auto header = nlohmann::json::parse(bytes.substr(8, header_bytes));
  const auto& entry = header.at(name);
  const std::string dtype = entry.at("dtype");
  const at::ScalarType type = dtype == "F32"   ? at::kFloat
                              : dtype == "F64" ? at::kDouble
                              : dtype == "U8"  ? at::kByte
                                               : at::kLong;
  Tensor tensor = at::empty(entry.at("shape").get<std::vector<int64_t>>(), type);
  const std::size_t begin = entry.at("data_offsets").at(0);
  std::memcpy(tensor.data_ptr(), bytes.data() + 8 + header_bytes + begin, tensor.nbytes());
  return tensor;
}

}  // namespace sap::testing
