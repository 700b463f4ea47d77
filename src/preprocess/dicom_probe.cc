// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_probe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

#include "preprocess/dicom_frame.h"
#include "preprocess/dicom_pixels.h"
#include "sap/core/error.h"

namespace sap::preprocess::dicom {
namespace {

constexpr unsigned kLongestReadS = 300;  // of one file; a reader that hangs is ended too

// A number that a child process leaves behind.
class SharedIndex {
 public:
  SharedIndex()
      : page_(::mmap(nullptr,
                     sizeof(std::size_t),
                     PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS,
                     -1,
                     0)) {
    SAP_REQUIRE(ErrorKind::kIo, page_ != MAP_FAILED, "no memory to read DICOM in; free some");
  }
  SharedIndex(const SharedIndex&) = delete;
  SharedIndex& operator=(const SharedIndex&) = delete;
  ~SharedIndex() { ::munmap(page_, sizeof(std::size_t)); }
  volatile std::size_t& value() { return *static_cast<volatile std::size_t*>(page_); }

 private:
  void* page_;
};

void ReadOne(const std::filesystem::path& file, bool with_voxels) {
  try {
    const FileFrames read = ReadHeader(file, 0);
    if (with_voxels && !read.frames.empty()) StoredImage(file, "", read.frames.front());
  } catch (const std::exception&) {  // the reader proper will say it
  }
}

// Only GDCM runs here: of the other threads, which may have held locks, the child has none.
[[noreturn]] void ReadAllAndExit(const std::vector<std::filesystem::path>& files,
                                 bool with_voxels,
                                 volatile std::size_t& at) {
  const rlimit no_core = {0, 0};  // it would hold the patient's header
  ::setrlimit(RLIMIT_CORE, &no_core);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  std::signal(SIGABRT, SIG_DFL);
  for (std::size_t i = at; i < files.size(); ++i) {
    at = i;
    ::alarm(kLongestReadS);
    ReadOne(files[i], with_voxels);
  }
  ::_exit(0);
}

}  // namespace

std::vector<bool> FilesThatEndTheReader(const std::vector<std::filesystem::path>& files,
                                        bool with_voxels) {
  std::vector<bool> bad(files.size());
  SharedIndex at;
  while (at.value() < files.size()) {
    const pid_t child = ::fork();
    SAP_REQUIRE(ErrorKind::kIo, child >= 0, "no process can be started to read DICOM; end some");
    if (child == 0) ReadAllAndExit(files, with_voxels, at.value());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
    bad[at.value()] = true;
    at.value() = at.value() + 1;
  }
  return bad;
}

}  // namespace sap::preprocess::dicom
