// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nn/weights_io_map.h"

namespace sap::nn {

struct ZipEntry {
  std::string name;
  std::size_t begin = 0;  // of the data, in the file
  std::size_t size = 0;
  std::size_t header_begin = 0;
  uint32_t crc32 = 0;
};

// The part of zip that torch.save uses: stored entries, with zip64 where sizes need it. Opening
// checks every header and range, so that an entry's bytes are always inside the file and belong
// to it alone. Throws kInput for compressed or encrypted entries, unsafe or duplicate names,
// overlap, and truncation.
class ZipArchive {
 public:
  explicit ZipArchive(std::shared_ptr<PrivateMap> map);

  const ZipEntry* Find(std::string_view name) const;  // nullptr when absent
  // The bytes of an entry, after its checksum holds.
  std::span<const std::byte> VerifiedBytes(const ZipEntry& entry) const;
  const std::vector<ZipEntry>& entries() const { return entries_; }
  const std::shared_ptr<PrivateMap>& map() const { return map_; }

 private:
  struct Directory {
    std::size_t begin = 0;
    std::size_t size = 0;
    uint64_t num_entries = 0;
  };
  Directory FindDirectory() const;
  void ReadZip64Directory(std::size_t end_record_at, Directory& directory) const;
  ZipEntry ReadEntry(std::size_t at, std::size_t end, std::size_t& next_at) const;
  void LocateData(ZipEntry& entry, std::size_t directory_begin) const;
  void RequireNoOverlap() const;

  std::shared_ptr<PrivateMap> map_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace sap::nn
