// SPDX-License-Identifier: Apache-2.0
#include "sap/train/event_file.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>

#include "sap/core/error.h"

namespace sap::train {
namespace {

// Protocol buffer wire format: a key is (field number << 3) | wire type.
enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void PutKey(std::string& out, uint32_t field, WireType type) {
  PutVarint(out, field << 3 | type);
}

template <typename T>
void PutRaw(std::string& out, T value) {  // little-endian, as x86 and ARM are
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.append(bytes.data(), bytes.size());
}

void PutText(std::string& out, uint32_t field, const std::string& text) {
  PutKey(out, field, kBytes);
  PutVarint(out, text.size());
  out += text;
}

std::string EventHead(int64_t step) {  // Event.wall_time = 1, Event.step = 2
  std::string event;
  PutKey(event, 1, kFixed64);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  PutRaw(event, std::chrono::duration<double>(now).count());
  PutKey(event, 2, kVarint);
  PutVarint(event, static_cast<uint64_t>(step));
  return event;
}

uint32_t Masked(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace

uint32_t Crc32c(const std::string& bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78U : crc >> 1;
      made[i] = crc;
    }
    return made;
  }();
  uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ crc >> 8;
  return crc ^ 0xFFFFFFFFU;
}

EventFile::EventFile(const fs::path& folder) {
  CreateFolder(folder);
  int number = 0;
  do {
    path_ = folder / fmt::format("events.out.tfevents.{:04}.sap", number++);
  } while (fs::exists(path_));
  std::string event = EventHead(0);
  PutText(event, 3, "brain.Event:2");  // Event.file_version, once and first
  Append(event);
}

void EventFile::Scalar(const std::string& tag, int64_t step, double value) {
  std::string item;  // Summary.Value: tag = 1, simple_value = 2
  PutText(item, 1, tag);
  PutKey(item, 2, kFixed32);
  PutRaw(item, static_cast<float>(value));
  std::string summary;
  PutText(summary, 1, item);
  std::string event = EventHead(step);
  PutText(event, 5, summary);
  Append(event);
}

void EventFile::Append(const std::string& event) {
  std::string length;
  PutRaw(length, static_cast<uint64_t>(event.size()));
  std::string record = length;
  PutRaw(record, Masked(Crc32c(length)));
  record += event;
  PutRaw(record, Masked(Crc32c(event)));
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file.write(record.data(), static_cast<std::streamsize>(record.size()));
  SAP_REQUIRE(ErrorKind::kIo,
              file.good(),
              "{}: cannot write the TensorBoard events; check space and permission",
              path_.filename().string());
}

}  // namespace sap::train
