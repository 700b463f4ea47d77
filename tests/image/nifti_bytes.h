// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <zlib.h>

#include "sap/core/files.h"

namespace sap::testing {

// A NIfTI-1 file of 3 x 4 x 5 int16 voxels with the values 0, 1, 2, ... in file order, byte by
// byte, with an oblique-free sform of spacing 2, 3, 4 mm. Tests change single fields.
class NiftiBytes {
 public:
  explicit NiftiBytes(bool big_endian = false) : big_endian_(big_endian), bytes_(352, '\0') {
    Put(0, int32_t{348});
    SetDims({3, 3, 4, 5, 1, 1, 1, 1});
    SetType(4, 16);
    for (const auto& [offset, value] : {std::pair{76, 1.0F}, {80, 2.0F}, {84, 3.0F}, {88, 4.0F}}) {
      Put(static_cast<std::size_t>(offset), value);
    }
    Put(108, 352.0F);
    Put(112, 1.0F);
    bytes_[123] = 2;
    SetCodes(0, 1);
    SetSform({{{2, 0, 0, 10}, {0, 3, 0, 20}, {0, 0, 4, 30}}});
    bytes_.replace(344, 4, std::string("n+1\0", 4));
    for (int16_t i = 0; i < 60; ++i) Append(i);
  }

  template <typename T>
  NiftiBytes& Put(std::size_t offset, T value) {
    bytes_.replace(offset, sizeof(T), Raw(value));
    return *this;
  }
  template <typename T>
  NiftiBytes& Append(T value) {
    bytes_ += Raw(value);
    return *this;
  }
  NiftiBytes& SetDims(const std::array<int16_t, 8>& dim) {
    for (std::size_t d = 0; d < 8; ++d) Put(40 + 2 * d, dim[d]);
    return *this;
  }
  NiftiBytes& SetType(int16_t datatype, int16_t bits) { return Put(70, datatype).Put(72, bits); }
  NiftiBytes& SetCodes(int16_t qform, int16_t sform) { return Put(252, qform).Put(254, sform); }
  NiftiBytes& SetSform(const std::array<std::array<float, 4>, 3>& rows) {
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t c = 0; c < 4; ++c) Put(280 + 16 * r + 4 * c, rows[r][c]);
    }
    return *this;
  }
  NiftiBytes& SetQform(const std::array<float, 3>& quaternion, const std::array<float, 3>& offset) {
    for (std::size_t i = 0; i < 3; ++i) Put(256 + 4 * i, quaternion[i]).Put(268 + 4 * i, offset[i]);
    return *this;
  }
  // Replaces the voxels.
  template <typename T>
  NiftiBytes& SetVoxels(int16_t datatype, const std::vector<T>& values) {
    SetType(datatype, static_cast<int16_t>(8 * sizeof(T)));
    bytes_.resize(352);
    for (const T value : values) Append(value);
    return *this;
  }
  std::string& bytes() { return bytes_; }

  std::filesystem::path WriteTo(const std::filesystem::path& path) const {
    WriteFileAtomically(path, bytes_);
    return path;
  }

 private:
  template <typename T>
  std::string Raw(T value) const {
    auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
    if (big_endian_) std::reverse(raw.begin(), raw.end());
    return {raw.begin(), raw.end()};
  }

  bool big_endian_;
  std::string bytes_;
};

// `bytes` as one gzip member.
inline std::string Gzipped(const std::string& bytes) {
  z_stream zlib{};
  deflateInit2(&zlib, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(bytes.size() + 1024, '\0');
  zlib.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  zlib.avail_in = static_cast<unsigned>(bytes.size());
  zlib.next_out = reinterpret_cast<unsigned char*>(out.data());
  zlib.avail_out = static_cast<unsigned>(out.size());
  deflate(&zlib, Z_FINISH);
  out.resize(zlib.total_out);
  deflateEnd(&zlib);
  return out;
}

}  // namespace sap::testing
