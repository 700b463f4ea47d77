// SPDX-License-Identifier: Apache-2.0
#include "sap/image/sparse_zeros.h"

#include <sys/mman.h>

#include <ATen/ATen.h>

namespace sap {

Tensor SparseZeros(const XyzInt& size_vox) {
  const std::vector<int64_t> sizes = {size_vox.x, size_vox.y, size_vox.z};
  const std::size_t bytes = static_cast<std::size_t>(size_vox.Product()) * sizeof(int32_t);
  if (bytes == 0) return at::zeros(sizes, at::kInt);
  void* data = mmap(nullptr,
                    bytes,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    /*fd=*/-1,
                    /*offset=*/0);
  // A system that promises no memory beyond what it has may refuse.
  if (data == MAP_FAILED) return at::zeros(sizes, at::kInt);
  // One label must not bring 2 MB of zeros with it.
  madvise(data, bytes, MADV_NOHUGEPAGE);
  return at::from_blob(
      data, sizes, [bytes](void* pages) { munmap(pages, bytes); }, at::kInt);
}

}  // namespace sap
