// SPDX-License-Identifier: Apache-2.0
#include "nn/weights_io_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "sap/core/error.h"

namespace sap::nn {

static_assert(std::endian::native == std::endian::little, "weights are little-endian on disk");

std::shared_ptr<PrivateMap> PrivateMap::Open(const std::filesystem::path& path) {
  std::shared_ptr<PrivateMap> map(new PrivateMap);
  map->name_ = path.filename().string();
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  SAP_REQUIRE(ErrorKind::kIo,
              descriptor >= 0,
              "{}: cannot be opened ({}); check the path of the weights",
              path.string(),
              std::strerror(errno));
  struct stat status {};
  const bool is_file = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  map->size_ = is_file ? static_cast<std::size_t>(status.st_size) : 0;
  void* data = MAP_FAILED;
  if (map->size_ > 0) {
    data = mmap(
        nullptr, map->size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  }
  const int map_errno = errno;
  close(descriptor);
  SAP_REQUIRE(ErrorKind::kInput, is_file, "{}: not a file of weights", map->name_);
  SAP_REQUIRE(ErrorKind::kInput,
              map->size_ > 0,
              "{}: the file is empty; copy or write it again",
              map->name_);
  SAP_REQUIRE(ErrorKind::kIo,
              data != MAP_FAILED,
              "{}: cannot be mapped into memory ({})",
              map->name_,
              std::strerror(map_errno));
  map->data_ = static_cast<std::byte*>(data);
  return map;
}

PrivateMap::~PrivateMap() {
  if (data_ != nullptr) munmap(data_, size_);
}

int64_t CheckedNumel(std::span<const int64_t> shape) {
  int64_t numel = 1;
  bool is_empty = false;
  for (const int64_t extent : shape) {
    if (extent < 0) return -1;
    if (extent == 0) {
      is_empty = true;  // the other extents still have to multiply without overflow
    } else if (__builtin_mul_overflow(numel, extent, &numel)) {
      return -1;
    }
  }
  return is_empty ? 0 : numel;
}

Tensor TensorOnMap(const std::shared_ptr<PrivateMap>& map,
                   std::size_t begin,
                   const std::vector<int64_t>& shape,
                   at::ScalarType dtype,
                   const std::string& tensor_name) {
  const auto options = at::TensorOptions().dtype(dtype);
  const int64_t numel = CheckedNumel(shape);
  SAP_CHECK(numel >= 0);
  if (numel == 0) return at::empty(shape, options);
  const std::size_t num_bytes = static_cast<std::size_t>(numel) * c10::elementSize(dtype);
  SAP_CHECK(begin <= map->bytes().size() && num_bytes <= map->bytes().size() - begin);
  std::byte* data = map->bytes().data() + begin;
  if (dtype == at::kBool) {
    SAP_REQUIRE(ErrorKind::kInput,
                std::all_of(data, data + num_bytes, [](std::byte b) { return b <= std::byte{1}; }),
                "{}: tensor '{}' is BOOL but holds a byte other than 0 and 1",
                map->name(),
                Printable(tensor_name));
  }
  if (reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(dtype) != 0) {
    const Tensor copy = at::empty(shape, options);
    std::memcpy(copy.data_ptr(), data, num_bytes);
    return copy;
  }
  return at::from_blob(
      data, shape, [map](void*) {}, options);
}

std::string Printable(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 80)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 80 ? result + "..." : result;
}

}  // namespace sap::nn
