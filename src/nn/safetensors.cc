// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <unordered_set>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "nn/safetensors_header.h"
#include "nn/weights_io_map.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/nn/weights_io.h"

// Format: 8 bytes header length, JSON header, data (specs: libtorch §3).
namespace sap::nn {
namespace {

constexpr std::size_t kLengthBytes = 8;

std::string_view HeaderText(const PrivateMap& map) {
  const auto bytes = map.bytes();
  SAP_REQUIRE(ErrorKind::kInput,
              bytes.size() > kLengthBytes,
              "{}: {} bytes are too few for safetensors; the file is cut short",
              map.name(),
              bytes.size());
  const uint64_t num_header_bytes = LoadLittleEndian<uint64_t>(bytes, 0);
  SAP_REQUIRE(ErrorKind::kInput,
              bytes[kLengthBytes] == std::byte{'{'},
              "{}: the header does not start with '{{'; this is not a safetensors file",
              map.name());
  SAP_REQUIRE(ErrorKind::kInput,
              num_header_bytes <= kMaxHeaderBytes,
              "{}: the header claims {} bytes; the format allows {}",
              map.name(),
              num_header_bytes,
              kMaxHeaderBytes);
  SAP_REQUIRE(ErrorKind::kInput,
              num_header_bytes <= bytes.size() - kLengthBytes,
              "{}: the header claims {} bytes, but the file has {}; it is cut short: copy it again",
              map.name(),
              num_header_bytes,
              bytes.size());
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, num_header_bytes};
}

// Larger items first, so that every tensor is aligned whatever its neighbours are.
std::vector<std::size_t> WriteOrder(const NamedTensors& weights) {
  std::vector<std::size_t> order(weights.entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return weights.entries[a].second.element_size() > weights.entries[b].second.element_size();
  });
  return order;
}

std::string HeaderJson(const NamedTensors& weights, const std::vector<std::size_t>& order) {
  std::vector<uint64_t> begins(order.size());
  uint64_t filled = 0;
  for (const std::size_t i : order) {
    begins[i] = filled;
    filled += weights.entries[i].second.nbytes();
  }
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!weights.metadata.empty()) header["__metadata__"] = weights.metadata;
  std::unordered_set<std::string> names = {"__metadata__"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& [name, tensor] = weights.entries[i];
    SAP_REQUIRE(ErrorKind::kInput,
                names.insert(name).second,
                "tensor name '{}' is taken; names in a weights file are unique",
                Printable(name));
    nlohmann::ordered_json entry;
    entry["dtype"] = NameOfScalarType(tensor.scalar_type(), name);
    entry["shape"] = tensor.sizes().vec();
    entry["data_offsets"] = {begins[i], begins[i] + tensor.nbytes()};
    header.push_back({name, std::move(entry)});
  }
  std::string text = header.dump(
      -1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  SAP_REQUIRE(ErrorKind::kInput,
              text.size() <= kMaxHeaderBytes,
              "the header of the weights has {} bytes; the format allows {}",
              text.size(),
              kMaxHeaderBytes);
  return text;
}

}  // namespace

NamedTensors ReadSafetensors(const std::filesystem::path& path) {
  const std::shared_ptr<PrivateMap> map = PrivateMap::Open(path);
  const std::string_view text = HeaderText(*map);
  SafetensorsHeader header = ParseSafetensorsHeader(text, map->name());
  const std::size_t data_begin = kLengthBytes + text.size();
  RequireExactRanges(header, map->bytes().size() - data_begin, map->name());
  NamedTensors weights;
  weights.metadata = std::move(header.metadata);
  weights.entries.reserve(header.entries.size());
  for (SafetensorsEntry& entry : header.entries) {
    Tensor tensor =
        TensorOnMap(map, data_begin + entry.begin, entry.shape, entry.dtype, entry.name);
    weights.entries.emplace_back(std::move(entry.name), std::move(tensor));
  }
  return weights;
}

void WriteSafetensors(const std::filesystem::path& path, const NamedTensors& weights) {
  const std::vector<std::size_t> order = WriteOrder(weights);
  const std::string header = HeaderJson(weights, order);
  WriteFileAtomically(path, [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    const uint64_t num_header_bytes = header.size();
    out.write(reinterpret_cast<const char*>(&num_header_bytes), kLengthBytes);
    out << header;
    for (const std::size_t i : order) {
      // One tensor at a time on the CPU: a GPU model never needs its size again in memory.
      const Tensor tensor = weights.entries[i].second.detach().to(at::kCPU).contiguous();
      out.write(static_cast<const char*>(tensor.const_data_ptr()),
                static_cast<std::streamsize>(tensor.nbytes()));
    }
    out.close();
    SAP_REQUIRE(ErrorKind::kIo,
                out.good(),
                "{}: cannot be written ({}); free space or choose another folder",
                path.string(),
                std::strerror(errno));
  });
}

}  // namespace sap::nn
