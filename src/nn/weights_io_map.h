// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "sap/core/tensor.h"

namespace sap::nn {

// A whole file, mapped privately: tensors may lie on it and be written to, the file stays as it
// is. The name in messages is the file's last component, because paths can carry identities.
class PrivateMap {
 public:
  static std::shared_ptr<PrivateMap> Open(const std::filesystem::path& path);
  PrivateMap(const PrivateMap&) = delete;
  PrivateMap& operator=(const PrivateMap&) = delete;
  ~PrivateMap();

  std::span<std::byte> bytes() const { return {data_, size_}; }
  const std::string& name() const { return name_; }

 private:
  PrivateMap() = default;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::string name_;
};

// shape's element count, or -1 when an extent is negative or the product overflows.
int64_t CheckedNumel(std::span<const int64_t> shape);

// A tensor on bytes [begin, begin + numel * item size) of the map, which it keeps alive; a copy
// where the bytes are not aligned for `dtype`. The caller has checked the range. Throws kInput
// for a BOOL byte that is neither 0 nor 1, which LibTorch's kernels do not expect.
Tensor TensorOnMap(const std::shared_ptr<PrivateMap>& map,
                   std::size_t begin,
                   const std::vector<int64_t>& shape,
                   at::ScalarType dtype,
                   const std::string& tensor_name);

// A message that stays readable when the file's text is hostile: at most 80 printable characters.
std::string Printable(std::string_view text);

template <typename T>
T LoadLittleEndian(std::span<const std::byte> bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | (static_cast<T>(bytes[at + i]) << (8 * i)));
  }
  return value;
}

}  // namespace sap::nn
