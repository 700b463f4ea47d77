// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/ATen.h>

namespace sap::nn {

// The format's own limit on the JSON header.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

// The names of the element types in a file: "F32".
at::ScalarType ScalarTypeFromName(std::string_view name,
                                  std::string_view file,
                                  std::string_view tensor);
std::string NameOfScalarType(at::ScalarType dtype, std::string_view tensor);

struct SafetensorsEntry {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // bytes into the data that follows the header
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the header's order
  std::map<std::string, std::string> metadata;
};

// Reads the JSON without building a document, so that a hostile header costs no more memory
// than its own tensors. Throws kInput naming `file`, the tensor and the rule.
SafetensorsHeader ParseSafetensorsHeader(std::string_view json, const std::string& file);

// Each range holds its shape, and together they fill [0, num_data_bytes) without hole or overlap.
void RequireExactRanges(const SafetensorsHeader& header,
                        uint64_t num_data_bytes,
                        const std::string& file);

}  // namespace sap::nn
