// SPDX-License-Identifier: Apache-2.0
#include "data/store_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "data/store_json.h"
#include "sap/core/error.h"

namespace sap::data {
namespace {

static_assert(std::endian::native == std::endian::little, "the store is little-endian");
constexpr std::string_view kMagic = "SAPCASE1";
constexpr std::size_t kHexBytes = 64;
constexpr std::size_t kPrefixBytes = kMagic.size() + sizeof(uint64_t) + kHexBytes;
constexpr int64_t kAlignment = 4096;

int64_t Align(int64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

// [0, 1] to 0..65535: within 8e-6, where half precision is within 2.4e-4.
Tensor ToUint16(const Tensor& image) {
  Tensor out = at::empty(image.sizes(), at::kUInt16);
  const float* in = image.const_data_ptr<float>();
  auto* to = static_cast<uint16_t*>(out.mutable_data_ptr());
  for (int64_t i = 0; i < image.numel(); ++i) {
    to[i] = static_cast<uint16_t>(std::lround(std::min(std::max(in[i], 0.0F), 1.0F) * 65535.0F));
  }
  return out;
}

struct Block {
  const char* name;
  std::string_view bytes;
};

std::string_view BytesOf(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

void WriteBlocks(const fs::path& path,
                 const std::string& header,
                 const std::vector<Block>& blocks) {
  std::ofstream out(path, std::ios::binary);
  const uint64_t header_bytes = header.size();
  const std::string digest = Sha256OfBytes(header);
  out.write(kMagic.data(), static_cast<std::streamsize>(kMagic.size()));
  out.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
  out.write(digest.data(), static_cast<std::streamsize>(digest.size()));
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const Block& block : blocks) {
    const int64_t here = out.tellp();
    if (here < 0) break;
    const std::string padding(static_cast<std::size_t>(Align(here) - here), '\0');
    out.write(padding.data(), static_cast<std::streamsize>(padding.size()));
    out.write(block.bytes.data(), static_cast<std::streamsize>(block.bytes.size()));
  }
  out.flush();
  SAP_REQUIRE(ErrorKind::kIo,
              out.good(),
              "{}: cannot write the volume store; free space in data.cache_dir ({} MB needed for "
              "this case) or choose another",
              path.parent_path().string(),
              blocks.front().bytes.size() / 1000000 + 1);
}

}  // namespace

void WriteStoreFile(const fs::path& path,
                    const CaseContent& content,
                    StoreDtype dtype,
                    const std::string& options_hash) {
  std::vector<int32_t> points;
  nlohmann::json header = CaseToJson(content, points);
  const Tensor image =
      dtype == StoreDtype::kUint16 ? ToUint16(content.image_CXYZ) : content.image_CXYZ.contiguous();
  std::vector<Block> blocks = {{"image", BytesOf(image)}, {"body", BytesOf(content.body_XYZ)}};
  if (content.info.has_label) blocks.push_back({"label", BytesOf(content.label_XYZ)});
  blocks.push_back(
      {"points", {reinterpret_cast<const char*>(points.data()), points.size() * sizeof(int32_t)}});
  header["options_hash"] = options_hash;
  header["dtype"] = EnumName(dtype);
  header["num_channels"] = content.image_CXYZ.size(0);
  // Offsets count from the first block, because the header's own length is not known yet.
  int64_t offset = 0;
  for (const Block& block : blocks) {
    offset = Align(offset);
    header["blocks"][block.name] = {{"offset", offset},
                                    {"num_bytes", block.bytes.size()},
                                    {"sha256", Sha256OfBytes(block.bytes)}};
    offset += static_cast<int64_t>(block.bytes.size());
  }
  header["data_bytes"] = offset;
  WriteFileAtomically(
      path, [&](const fs::path& temporary) { WriteBlocks(temporary, header.dump(), blocks); });
}

StoreFile::StoreFile(const fs::path& path, StoreCheck check) : file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  const char* text = reinterpret_cast<const char*>(bytes.data());
  SAP_REQUIRE(ErrorKind::kInput,
              bytes.size() >= kPrefixBytes && std::string_view(text, kMagic.size()) == kMagic,
              "not a store file of this version");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, text + kMagic.size(), sizeof header_bytes);
  SAP_REQUIRE(
      ErrorKind::kInput, header_bytes <= bytes.size() - kPrefixBytes, "the header is cut off");
  const std::string_view digest(text + kMagic.size() + sizeof header_bytes, kHexBytes);
  const std::string_view header(text + kPrefixBytes, header_bytes);
  SAP_REQUIRE(
      ErrorKind::kInput, Sha256OfBytes(header) == digest, "the header's checksum does not match");
  ReadHeader(nlohmann::json::parse(header), check);
}

const std::byte* StoreFile::Block(const nlohmann::json& header,
                                  const char* name,
                                  StoreCheck check) const {
  const auto it = header.at("blocks").find(name);
  if (it == header.at("blocks").end()) return nullptr;
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file_.bytes().data() + kMagic.size(), sizeof header_bytes);
  const auto first =
      static_cast<std::size_t>(Align(static_cast<int64_t>(kPrefixBytes + header_bytes)));
  const auto num_bytes = it->at("num_bytes").get<std::size_t>();
  const std::byte* data = file_.bytes().data() + first + it->at("offset").get<std::size_t>();
  SAP_REQUIRE(ErrorKind::kInput,
              check == StoreCheck::kHeader ||
                  Sha256OfBytes({reinterpret_cast<const char*>(data), num_bytes}) ==
                      it->at("sha256").get<std::string>(),
              "the checksum of block {} does not match",
              name);
  return data;
}

void StoreFile::ReadHeader(const nlohmann::json& header, StoreCheck check) {
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file_.bytes().data() + kMagic.size(), sizeof header_bytes);
  const int64_t expected = Align(static_cast<int64_t>(kPrefixBytes + header_bytes)) +
                           header.at("data_bytes").get<int64_t>();
  SAP_REQUIRE(ErrorKind::kInput,
              static_cast<int64_t>(file_.bytes().size()) == expected,
              "the file has {} bytes, expected {}",
              file_.bytes().size(),
              expected);
  options_hash_ = header.at("options_hash").get<std::string>();
  dtype_ = EnumFromName<StoreDtype>(header.at("dtype").get<std::string>()).value();
  num_channels_ = header.at("num_channels").get<int64_t>();
  inputs_ = InputsFromJson(header);
  image_ = Block(header, "image", check);
  label_ = reinterpret_cast<const uint8_t*>(Block(header, "label", check));
  body_ = reinterpret_cast<const uint8_t*>(Block(header, "body", check));
  const auto* points = reinterpret_cast<const int32_t*>(Block(header, "points", check));
  const int64_t num_points =
      header.at("blocks").at("points").at("num_bytes").get<int64_t>() / (3 * 4);
  info_ = CaseFromJson(header, points, num_points);
}

}  // namespace sap::data
