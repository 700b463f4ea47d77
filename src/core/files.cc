// SPDX-License-Identifier: Apache-2.0
#include "sap/core/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/evp.h>

#include "sap/core/error.h"

namespace sap {
namespace {

[[noreturn]] void FailIo(const fs::path& path, const std::string& what, int code) {
  const std::string cause = std::generic_category().message(code);
  const char* step = code == ENOSPC || code == EDQUOT ? "free some space and run again"
                     : code == EACCES || code == EPERM || code == EROFS
                         ? "choose a folder that you may write to"
                         : "check the path and the disk";
  Fail(ErrorKind::kIo, "{}: {}: {}; {}", path.string(), what, cause, step);
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, mode_t mode = 0644)
      : value_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  bool ok() const { return value_ >= 0; }

 private:
  int value_;
};

void WriteAll(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) FailIo(path, "cannot write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void FsyncPath(const fs::path& path, int flags) {
  const Descriptor file(path, flags);
  if (!file.ok()) FailIo(path, "cannot open", errno);
  // Some file systems have no fsync for folders; that is not the user's fault.
  if (::fsync(file.get()) != 0 && errno != EINVAL) FailIo(path, "cannot flush to disk", errno);
}

std::atomic<unsigned> num_temporaries{0};

// Unique among threads and processes; keeps the ending, which image writers look at.
fs::path TemporaryBeside(const fs::path& path) {
  return path.parent_path() /
         fmt::format(".tmp-{}-{}-{}", ::getpid(), num_temporaries++, path.filename().string());
}

// Whether a file of `name` is what a process that is gone left of `target`. In a container the
// next process may have the same number: then what it has not yet made itself is not its own.
bool IsLeftover(const std::string& name, const std::string& target) {
  int pid = 0, length = 0;
  unsigned count = 0;
  if (std::sscanf(name.c_str(), ".tmp-%d-%u-%n", &pid, &count, &length) != 2 || length == 0 ||
      name.compare(static_cast<std::size_t>(length), std::string::npos, target) != 0) {
    return false;
  }
  if (pid == ::getpid()) return count >= num_temporaries;
  return pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

void RemoveLeftovers(const fs::path& target) {
  const fs::path folder = target.parent_path().empty() ? fs::path(".") : target.parent_path();
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (IsLeftover(entry.path().filename().string(), target.filename().string())) {
      found.push_back(entry.path());
    }
  }
  for (const fs::path& path : found) fs::remove_all(path, ignored);
}

// Puts a folder in the place of another in one step; the old one takes its name. False where the
// file system cannot.
bool Exchange(const fs::path& a, const fs::path& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

// Removes what was written when the writer throws.
class Temporary {
 public:
  explicit Temporary(fs::path path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    std::error_code ignored;
    if (!done_) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }
  void RenameTo(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0)
      FailIo(target, "cannot rename into place", errno);
    done_ = true;
    FsyncFolder(target.parent_path().empty() ? fs::path(".") : target.parent_path());
  }

 private:
  fs::path path_;
  bool done_ = false;
};

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    SAP_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void Update(const void* data, std::size_t size) {
    SAP_CHECK(EVP_DigestUpdate(context_.get(), data, size) == 1);
  }
  std::string Hex() {
    std::array<unsigned char, 32> digest{};
    SAP_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, DigestFree> context_;
};

}  // namespace

void FsyncFolder(const fs::path& path) {
  FsyncPath(path, O_RDONLY | O_DIRECTORY);
}

void WriteFileAtomically(const fs::path& path, std::string_view bytes) {
  WriteFileAtomically(path, [&](const fs::path& temporary) {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.ok()) FailIo(path, "cannot create", errno);
    WriteAll(file.get(), bytes, path);
  });
}

void WriteFileAtomically(const fs::path& path,
                         const std::function<void(const fs::path& temporary)>& write) {
  Temporary temporary(TemporaryBeside(path));
  write(temporary.path());
  FsyncPath(temporary.path(), O_RDONLY);
  temporary.RenameTo(path);
}

void WriteFolderAtomically(const fs::path& path,
                           bool replace,
                           const std::function<void(const fs::path& temporary)>& write) {
  SAP_REQUIRE(ErrorKind::kIo,
              replace || !fs::exists(path),
              "{}: exists already and is not replaced; remove it or choose another name",
              path.string());
  RemoveLeftovers(path);
  Temporary temporary(TemporaryBeside(path));
  CreateFolder(temporary.path());
  write(temporary.path());
  for (const auto& entry : fs::recursive_directory_iterator(temporary.path())) {
    FsyncPath(entry.path(), entry.is_directory() ? O_RDONLY | O_DIRECTORY : O_RDONLY);
  }
  FsyncFolder(temporary.path());
  if (!fs::exists(path)) {
    temporary.RenameTo(path);
    return;
  }
  if (Exchange(temporary.path(), path)) {  // the temporary is now the old one, and goes with it
    FsyncFolder(path.parent_path().empty() ? fs::path(".") : path.parent_path());
    return;
  }
  Temporary old(TemporaryBeside(path));  // removed at the end of the scope
  if (::rename(path.c_str(), old.path().c_str()) != 0) FailIo(path, "cannot move aside", errno);
  temporary.RenameTo(path);
}

void AppendLine(const fs::path& path, std::string_view line) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_APPEND);
  if (!file.ok()) FailIo(path, "cannot open", errno);
  WriteAll(file.get(), std::string(line) + "\n", path);
}

std::string ReadFile(const fs::path& path, std::size_t max_bytes) {
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) FailIo(path, "cannot open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) FailIo(path, "cannot look at", errno);
  if (S_ISDIR(info.st_mode)) FailIo(path, "cannot read", EISDIR);
  const auto size = static_cast<std::size_t>(info.st_size);
  SAP_REQUIRE(ErrorKind::kInput,
              size <= max_bytes,
              "{}: {} bytes, at most {} are read here; is it the right file?",
              path.filename().string(),
              size,
              max_bytes);
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) FailIo(path, "cannot read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

void CreateFolder(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code || !fs::is_directory(path)) {
    FailIo(path, "cannot create the folder", code ? code.value() : ENOTDIR);
  }
}

void RequireWritableFolder(const fs::path& path, std::uintmax_t needed_bytes) {
  CreateFolder(path);
  if (::access(path.c_str(), W_OK | X_OK) != 0) FailIo(path, "cannot write into", errno);
  std::error_code code;
  const fs::space_info space = fs::space(path, code);
  SAP_REQUIRE(ErrorKind::kIo,
              code || space.available >= needed_bytes,
              "{}: {:.1f} GB are free, {:.1f} GB are needed; free some space or choose another "
              "folder",
              path.string(),
              static_cast<double>(space.available) / 1e9,
              static_cast<double>(needed_bytes) / 1e9);
}

std::string Sha256OfBytes(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes.data(), bytes.size());
  return hash.Hex();
}

std::string Sha256OfFile(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) FailIo(path, "cannot open", errno);
  Sha256 hash;
  std::string buffer(std::size_t{1} << 20, '\0');
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) FailIo(path, "cannot read", errno);
    if (got == 0) break;
    hash.Update(buffer.data(), static_cast<std::size_t>(got));
  }
  return hash.Hex();
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) FailIo(path, "cannot open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) FailIo(path, "cannot look at", errno);
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) FailIo(path, "cannot map into memory", errno);
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

FileLock::FileLock(const fs::path& path) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) FailIo(path, "cannot open the lock file", errno);
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) FailIo(path, "cannot lock", errno);
  }
}

bool FileLock::TryLock(const fs::path& path, FileLock& out) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) FailIo(path, "cannot open the lock file", errno);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    return false;
  }
  if (out.descriptor_ >= 0) ::close(out.descriptor_);
  out.descriptor_ = descriptor;
  return true;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);  // closing releases the lock
}

}  // namespace sap
