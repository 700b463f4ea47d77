// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace sap {

// "parent/file.nii.gz": what a message may show of an input path.
std::string ShortName(const std::filesystem::path& path);

// The bytes of a file in order, decompressed when the content (not the name) is gzip or zlib;
// kPlain takes them as they are, because raw voxels may look like either.
// Every gzip member's CRC and length are checked when its end is passed. Faults throw: kIo from
// the file system; kInput for a damaged or truncated stream, or for anything but zero padding
// behind it. Messages call the file `name`; empty: by its last two path parts.
class ByteSource {
 public:
  enum class Content { kDetect, kPlain };
  explicit ByteSource(const std::filesystem::path& path,
                      int64_t first_byte = 0,
                      Content content = Content::kDetect,
                      const std::string& name = "");
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  ~ByteSource();

  // Fills up to `size` bytes; fewer only at the end of the stream.
  int64_t Read(void* to, int64_t size);
  // Skips up to `size` bytes; returns how many there were.
  int64_t Skip(int64_t size);

  // No more bytes than this can follow: the file's size, times deflate's largest ratio when
  // compressed. Lets a reader refuse a lying header before it allocates.
  int64_t LargestPossibleSize() const;
  const std::string& name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sap
