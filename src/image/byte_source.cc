// SPDX-License-Identifier: Apache-2.0
#include "image/byte_source.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

#include <zlib.h>

#include "sap/core/error.h"

namespace sap {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;
constexpr int64_t kLargestDeflateRatio = 1032;  // zlib's technical details
constexpr int kAutoDetect = MAX_WBITS + 32;     // gzip or zlib by their first bytes

bool LooksCompressed(unsigned char first, unsigned char second) {
  const bool gzip = first == 0x1F && second == 0x8B;
  const bool zlib = (first & 0x0FU) == 8 && (first >> 4U) <= 7 && (first * 256U + second) % 31 == 0;
  return gzip || zlib;
}

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string ShortName(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path().filename();
  return parent.empty() ? path.filename().string() : (parent / path.filename()).string();
}

struct ByteSource::State {
  std::string name;
  std::unique_ptr<std::FILE, FileClose> file;
  std::array<unsigned char, kBufferBytes> buffer{};
  int64_t file_bytes = 0;
  bool compressed = false;
  bool ended = false;
  z_stream zlib{};

  ~State() {
    if (compressed) inflateEnd(&zlib);
  }

  std::size_t ReadFile(void* to, std::size_t size) {
    const std::size_t got = std::fread(to, 1, size, file.get());
    SAP_REQUIRE(ErrorKind::kIo,
                got == size || std::ferror(file.get()) == 0,
                "{}: cannot be read: {}; check the disk and run again",
                name,
                std::generic_category().message(errno));
    return got;
  }

  // Makes input available; false at the end of the file.
  bool Refill() {
    if (zlib.avail_in > 0) return true;
    zlib.next_in = buffer.data();
    zlib.avail_in = static_cast<uInt>(ReadFile(buffer.data(), buffer.size()));
    return zlib.avail_in > 0;
  }

  // Behind a finished member: another member, zero padding to the end, or a fault.
  void PassMemberEnd() {
    if (!Refill()) {
      ended = true;
      return;
    }
    if (*zlib.next_in == 0x1F) {
      inflateReset(&zlib);
      return;
    }
    while (Refill()) {
      const bool zeros = std::all_of(
          zlib.next_in, zlib.next_in + zlib.avail_in, [](unsigned b) { return b == 0; });
      SAP_REQUIRE(ErrorKind::kInput,
                  zeros,
                  "{}: other data follows the compressed stream; the file is damaged or two files "
                  "were joined: copy it again from its source",
                  name);
      zlib.avail_in = 0;
    }
    ended = true;
  }

  int64_t Inflate(unsigned char* to, int64_t size) {
    int64_t done = 0;
    while (done < size && !ended) {
      SAP_REQUIRE(ErrorKind::kInput,
                  Refill(),
                  "{}: the compressed stream ends early (truncated file); copy it again from its "
                  "source",
                  name);
      zlib.next_out = to + done;
      const auto room = static_cast<uInt>(std::min<int64_t>(size - done, int64_t{1} << 30));
      zlib.avail_out = room;
      const int code = inflate(&zlib, Z_NO_FLUSH);
      done += room - zlib.avail_out;
      SAP_REQUIRE(ErrorKind::kInput,
                  code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR,
                  "{}: the compressed stream is damaged ({}); copy it again from its source",
                  name,
                  zlib.msg != nullptr ? zlib.msg : "bad data");
      if (code == Z_STREAM_END) PassMemberEnd();
    }
    return done;
  }
};

ByteSource::ByteSource(const std::filesystem::path& path,
                       int64_t first_byte,
                       Content content,
                       const std::string& name)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.name = name.empty() ? ShortName(path) : name;
  std::error_code code;
  const auto bytes = std::filesystem::file_size(path, code);
  SAP_REQUIRE(
      ErrorKind::kIo, !code, "{}: cannot be read: {}; check the path", state.name, code.message());
  state.file_bytes = static_cast<int64_t>(bytes);
  state.file.reset(std::fopen(path.c_str(), "rb"));
  SAP_REQUIRE(ErrorKind::kIo,
              state.file != nullptr,
              "{}: cannot be opened: {}; check its permissions",
              state.name,
              std::generic_category().message(errno));
  SAP_REQUIRE(ErrorKind::kIo,
              std::fseek(state.file.get(), first_byte, SEEK_SET) == 0,
              "{}: cannot be read from byte {}",
              state.name,
              first_byte);
  std::array<unsigned char, 2> start{};
  const std::size_t got = state.ReadFile(start.data(), start.size());
  std::fseek(state.file.get(), first_byte, SEEK_SET);
  if (content == Content::kDetect && got == 2 && LooksCompressed(start[0], start[1])) {
    SAP_CHECK(inflateInit2(&state.zlib, kAutoDetect) == Z_OK);
    state.compressed = true;
  }
}

ByteSource::~ByteSource() = default;

int64_t ByteSource::Read(void* to, int64_t size) {
  if (state_->compressed) return state_->Inflate(static_cast<unsigned char*>(to), size);
  return static_cast<int64_t>(state_->ReadFile(to, static_cast<std::size_t>(size)));
}

int64_t ByteSource::Skip(int64_t size) {
  std::vector<unsigned char> scratch(
      static_cast<std::size_t>(std::min<int64_t>(size, int64_t{1} << 18)));
  int64_t done = 0;
  while (done < size) {
    const int64_t want = std::min<int64_t>(size - done, static_cast<int64_t>(scratch.size()));
    const int64_t got = Read(scratch.data(), want);
    done += got;
    if (got < want) break;
  }
  return done;
}

int64_t ByteSource::LargestPossibleSize() const {
  return state_->compressed ? state_->file_bytes * kLargestDeflateRatio : state_->file_bytes;
}

const std::string& ByteSource::name() const {
  return state_->name;
}

}  // namespace sap
