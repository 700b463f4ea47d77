// SPDX-License-Identifier: Apache-2.0
#include "nn/zip_archive.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <zlib.h>

#include "sap/core/error.h"

// Record layouts: PKWARE's APPNOTE 4.3.7 (local), 4.3.12 (central), 4.3.14 to 4.3.16 (ends).
namespace sap::nn {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50;
constexpr uint32_t kZip64LocatorSignature = 0x07064b50;
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kZip64EndBytes = 56;
constexpr std::size_t kZip64LocatorBytes = 20;
constexpr uint16_t kZip64ExtraId = 1;
constexpr uint16_t kEncryptedFlag = 1;
constexpr uint32_t kInZip64 = 0xffffffff;
constexpr uint64_t kMaxEntries = 1'000'000;

// Nothing is ever unpacked to disk, but a name that would leave its folder shows intent.
bool IsSafeName(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != name.npos ||
      name.find('\0') != name.npos) {
    return false;
  }
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

std::string TextAt(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, size};
}

}  // namespace

ZipArchive::ZipArchive(std::shared_ptr<PrivateMap> map) : map_(std::move(map)) {
  const Directory directory = FindDirectory();
  const std::size_t end = directory.begin + directory.size;
  std::size_t at = directory.begin;
  entries_.reserve(directory.num_entries);
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    ZipEntry entry = ReadEntry(at, end, at);
    LocateData(entry, directory.begin);
    SAP_REQUIRE(ErrorKind::kInput,
                index_.emplace(entry.name, entries_.size()).second,
                "{}: zip entry '{}' stands twice",
                map_->name(),
                Printable(entry.name));
    entries_.push_back(std::move(entry));
  }
  RequireNoOverlap();
}

const ZipEntry* ZipArchive::Find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::span<const std::byte> ZipArchive::VerifiedBytes(const ZipEntry& entry) const {
  const auto bytes = map_->bytes().subspan(entry.begin, entry.size);
  const auto crc = crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  SAP_REQUIRE(ErrorKind::kInput,
              crc == entry.crc32,
              "{}: the checksum of zip entry '{}' does not hold; the file is damaged: copy it "
              "again, or save it again with torch.serialization.set_crc32_options(True)",
              map_->name(),
              Printable(entry.name));
  return bytes;
}

ZipArchive::Directory ZipArchive::FindDirectory() const {
  const auto bytes = map_->bytes();
  std::optional<std::size_t> end_at;
  const std::size_t lowest =
      bytes.size() > kEndBytes + 0xffff ? bytes.size() - kEndBytes - 0xffff : 0;
  for (std::size_t at = bytes.size(); !end_at && at-- > lowest;) {
    if (at + kEndBytes > bytes.size() || LoadLittleEndian<uint32_t>(bytes, at) != kEndSignature) {
      continue;
    }
    const auto comment_bytes = LoadLittleEndian<uint16_t>(bytes, at + 20);
    if (at + kEndBytes + comment_bytes == bytes.size()) end_at = at;
  }
  SAP_REQUIRE(ErrorKind::kInput,
              end_at.has_value(),
              "{}: the zip's end record is missing; the file is cut short: copy it again",
              map_->name());
  Directory directory;
  directory.num_entries = LoadLittleEndian<uint16_t>(bytes, *end_at + 10);
  directory.size = LoadLittleEndian<uint32_t>(bytes, *end_at + 12);
  directory.begin = LoadLittleEndian<uint32_t>(bytes, *end_at + 16);
  ReadZip64Directory(*end_at, directory);
  SAP_REQUIRE(ErrorKind::kInput,
              directory.begin <= *end_at && directory.size <= *end_at - directory.begin &&
                  directory.num_entries <= kMaxEntries &&
                  directory.num_entries * kCentralBytes <= directory.size,
              "{}: the zip's directory ({} entries, {} bytes at {}) does not fit the file",
              map_->name(),
              directory.num_entries,
              directory.size,
              directory.begin);
  return directory;
}

void ZipArchive::ReadZip64Directory(std::size_t end_record_at, Directory& directory) const {
  const auto bytes = map_->bytes();
  if (end_record_at < kZip64LocatorBytes) return;
  const std::size_t locator_at = end_record_at - kZip64LocatorBytes;
  if (LoadLittleEndian<uint32_t>(bytes, locator_at) != kZip64LocatorSignature) return;
  const auto at = LoadLittleEndian<uint64_t>(bytes, locator_at + 8);
  SAP_REQUIRE(ErrorKind::kInput,
              at <= locator_at && locator_at - at >= kZip64EndBytes &&
                  LoadLittleEndian<uint32_t>(bytes, at) == kZip64EndSignature,
              "{}: the zip64 end record is not where its locator says; the file is damaged",
              map_->name());
  directory.num_entries = LoadLittleEndian<uint64_t>(bytes, at + 32);
  directory.size = LoadLittleEndian<uint64_t>(bytes, at + 40);
  directory.begin = LoadLittleEndian<uint64_t>(bytes, at + 48);
}

ZipEntry ZipArchive::ReadEntry(std::size_t at, std::size_t end, std::size_t& next_at) const {
  const auto bytes = map_->bytes();
  SAP_REQUIRE(
      ErrorKind::kInput,
      end - at >= kCentralBytes && LoadLittleEndian<uint32_t>(bytes, at) == kCentralSignature,
      "{}: the zip's directory is damaged at byte {}",
      map_->name(),
      at);
  const std::size_t name_bytes = LoadLittleEndian<uint16_t>(bytes, at + 28);
  const std::size_t extra_bytes = LoadLittleEndian<uint16_t>(bytes, at + 30);
  const std::size_t comment_bytes = LoadLittleEndian<uint16_t>(bytes, at + 32);
  const std::size_t extra_at = at + kCentralBytes + name_bytes;
  SAP_REQUIRE(ErrorKind::kInput,
              end - at - kCentralBytes >= name_bytes + extra_bytes + comment_bytes,
              "{}: the zip's directory is damaged at byte {}",
              map_->name(),
              at);
  next_at = extra_at + extra_bytes + comment_bytes;

  ZipEntry entry;
  entry.name = TextAt(bytes, at + kCentralBytes, name_bytes);
  entry.crc32 = LoadLittleEndian<uint32_t>(bytes, at + 16);
  uint64_t stored_bytes = LoadLittleEndian<uint32_t>(bytes, at + 20);
  uint64_t plain_bytes = LoadLittleEndian<uint32_t>(bytes, at + 24);
  uint64_t header_begin = LoadLittleEndian<uint32_t>(bytes, at + 42);
  // Zip64 gives, in this order, only those fields that the record marks as too large.
  std::size_t field_at = extra_at;
  while (field_at + 4 <= extra_at + extra_bytes) {
    const auto id = LoadLittleEndian<uint16_t>(bytes, field_at);
    const std::size_t size = LoadLittleEndian<uint16_t>(bytes, field_at + 2);
    const std::size_t field_end = std::min(field_at + 4 + size, extra_at + extra_bytes);
    std::size_t value_at = field_at + 4;
    for (uint64_t* value : {&plain_bytes, &stored_bytes, &header_begin}) {
      if (id != kZip64ExtraId || *value != kInZip64 || value_at + 8 > field_end) continue;
      *value = LoadLittleEndian<uint64_t>(bytes, value_at);
      value_at += 8;
    }
    field_at += 4 + size;
  }
  const auto flags = LoadLittleEndian<uint16_t>(bytes, at + 8);
  const auto method = LoadLittleEndian<uint16_t>(bytes, at + 10);
  SAP_REQUIRE(ErrorKind::kInput,
              IsSafeName(entry.name),
              "{}: zip entry '{}' has an unsafe name; weights from torch.save never do",
              map_->name(),
              Printable(entry.name));
  SAP_REQUIRE(ErrorKind::kInput,
              method == 0 && (flags & kEncryptedFlag) == 0 && stored_bytes == plain_bytes,
              "{}: zip entry '{}' is compressed or encrypted; torch.save stores plain bytes: save "
              "the weights again in Python",
              map_->name(),
              Printable(entry.name));
  entry.size = plain_bytes;
  entry.header_begin = header_begin;
  return entry;
}

void ZipArchive::LocateData(ZipEntry& entry, std::size_t directory_begin) const {
  const auto bytes = map_->bytes();
  const bool has_header = entry.header_begin <= directory_begin &&
                          directory_begin - entry.header_begin >= kLocalBytes &&
                          LoadLittleEndian<uint32_t>(bytes, entry.header_begin) == kLocalSignature;
  SAP_REQUIRE(ErrorKind::kInput,
              has_header,
              "{}: zip entry '{}' is not where the directory says; the file is damaged",
              map_->name(),
              Printable(entry.name));
  const std::size_t name_bytes = LoadLittleEndian<uint16_t>(bytes, entry.header_begin + 26);
  const std::size_t extra_bytes = LoadLittleEndian<uint16_t>(bytes, entry.header_begin + 28);
  entry.begin = entry.header_begin + kLocalBytes + name_bytes + extra_bytes;
  SAP_REQUIRE(ErrorKind::kInput,
              entry.begin <= directory_begin && entry.size <= directory_begin - entry.begin,
              "{}: zip entry '{}' claims {} bytes, more than the file holds there",
              map_->name(),
              Printable(entry.name),
              entry.size);
  SAP_REQUIRE(ErrorKind::kInput,
              TextAt(bytes, entry.header_begin + kLocalBytes, name_bytes) == entry.name,
              "{}: zip entry '{}' has another name in its own header; the file is damaged",
              map_->name(),
              Printable(entry.name));
}

void ZipArchive::RequireNoOverlap() const {
  std::vector<const ZipEntry*> by_begin;
  for (const ZipEntry& entry : entries_) by_begin.push_back(&entry);
  std::sort(by_begin.begin(), by_begin.end(), [](const ZipEntry* a, const ZipEntry* b) {
    return a->header_begin < b->header_begin;
  });
  for (std::size_t i = 1; i < by_begin.size(); ++i) {
    SAP_REQUIRE(ErrorKind::kInput,
                by_begin[i]->header_begin >= by_begin[i - 1]->begin + by_begin[i - 1]->size,
                "{}: zip entries '{}' and '{}' overlap",
                map_->name(),
                Printable(by_begin[i - 1]->name),
                Printable(by_begin[i]->name));
  }
}

}  // namespace sap::nn
