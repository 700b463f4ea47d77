// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "sap/core/tensor.h"

namespace sap {

namespace fs = std::filesystem;

// Writes `bytes` beside `path` under a temporary name, fsyncs, renames over `path`, and fsyncs
// the folder: a reader sees the old file or the new one. Throws kIo with path, cause, next step.
void WriteFileAtomically(const fs::path& path, std::string_view bytes);

// The same for writers that need a path: `write(temporary_path)` must leave a complete file
// (its name ends as `path` does, so that writers which look at the extension work).
void WriteFileAtomically(const fs::path& path,
                         const std::function<void(const fs::path& temporary)>& write);

// Builds a folder under a temporary name, fsyncs its files, and renames it to `path`.
// An existing `path` is replaced only when `replace` is set.
void WriteFolderAtomically(const fs::path& path,
                           bool replace,
                           const std::function<void(const fs::path& temporary)>& write);

// Appends one line and flushes it to the kernel.
void AppendLine(const fs::path& path, std::string_view line);

// Whole file. Throws kIo when it cannot be read, kInput when larger than max_bytes.
std::string ReadFile(const fs::path& path, std::size_t max_bytes = std::size_t{1} << 30);

void CreateFolder(const fs::path& path);  // with parents; kIo on failure
void RequireWritableFolder(const fs::path& path, std::uintmax_t needed_bytes);
void FsyncFolder(const fs::path& path);

std::string Sha256OfBytes(std::string_view bytes);  // lower-case hex
std::string Sha256OfFile(const fs::path& path);

// A read-only memory map, shared between processes.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Exclusive advisory lock on a file (created when missing), held until destruction.
class FileLock {
 public:
  explicit FileLock(const fs::path& path);  // waits
  static bool TryLock(const fs::path& path, FileLock& out);
  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

}  // namespace sap
