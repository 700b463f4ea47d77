// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "sap/core/error.h"

namespace sap::testing {

template <typename T>
std::string LittleEndian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

inline std::filesystem::path WriteBytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  return path;
}

// A zip member; fields beside name and bytes can lie.
struct ZipMember {
  std::string name;
  std::string bytes;
  uint16_t method = 0;
  int64_t claimed_size = -1;   // the true one
  int64_t claimed_begin = -1;  // of its local header
};

inline std::string MakeZip(const std::vector<ZipMember>& members) {
  std::string file;
  std::string directory;
  for (const ZipMember& member : members) {
    const std::size_t begin = file.size();
    const auto size = static_cast<uint32_t>(
        member.claimed_size < 0 ? static_cast<int64_t>(member.bytes.size()) : member.claimed_size);
    const auto crc = static_cast<uint32_t>(crc32_z(
        0, reinterpret_cast<const unsigned char*>(member.bytes.data()), member.bytes.size()));
    const std::string common = LittleEndian<uint16_t>(20) + LittleEndian<uint16_t>(0) +
                               LittleEndian(member.method) + LittleEndian<uint32_t>(0) +
                               LittleEndian(crc) + LittleEndian(size) + LittleEndian(size) +
                               LittleEndian(static_cast<uint16_t>(member.name.size()));
    file += "PK\x03\x04" + common + LittleEndian<uint16_t>(0) + member.name + member.bytes;
    directory +=
        "PK\x01\x02" + LittleEndian<uint16_t>(0) + common + std::string(12, '\0') +
        LittleEndian(static_cast<uint32_t>(member.claimed_begin < 0 ? static_cast<int64_t>(begin)
                                                                    : member.claimed_begin)) +
        member.name;
  }
  const auto count = LittleEndian(static_cast<uint16_t>(members.size()));
  return file + directory + "PK\x05\x06" + std::string(4, '\0') + count + count +
         LittleEndian(static_cast<uint32_t>(directory.size())) +
         LittleEndian(static_cast<uint32_t>(file.size())) + LittleEndian<uint16_t>(0);
}

// The action throws sap::Error of kind kInput whose message contains `part`.
template <typename Action>
::testing::AssertionResult RefusesInput(const Action& action, const std::string& part) {
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) {
      return ::testing::AssertionFailure() << "another kind of error: " << error.what();
    }
    if (std::string(error.what()).find(part) != std::string::npos) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "no '" << part << "' in: " << error.what();
  }
  return ::testing::AssertionFailure() << "nothing was thrown";
}

}  // namespace sap::testing
