// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Memory of CPU tensors that is kept and reused instead of given back to the system after each
// operator. A network step allocates and frees hundreds of tensors of 10 to 300 MB; without this
// most element-wise operators spend their time on page faults (docs/benchmarks/model.md).

namespace sap {

struct PageCacheStats {
  int64_t in_use_bytes = 0;       // tensors alive now, in blocks of 64 KiB and more
  int64_t peak_in_use_bytes = 0;  // largest in_use_bytes since the start or ResetPageCachePeak
  int64_t kept_bytes = 0;         // free, kept for reuse
  int64_t num_maps = 0;           // times that memory was asked of the system
};

// Makes LibTorch take CPU tensors from the cache. Call it first in main, before any tensor
// exists; a second call does nothing. Thread-safe afterwards.
void InstallPageCache();

// All zero before InstallPageCache. Requests below 64 KiB pass through and are not counted.
PageCacheStats GetPageCacheStats();
void ResetPageCachePeak();

// From now on memory asked of the system takes the place of kept memory that was too small to
// serve, so that the process holds little more than its tensors needed at their peak. For work in
// few large steps, as preprocessing; a training step's hundreds of tensors recur, and it is faster
// to keep everything (the default).
void SetPageCacheExchange(bool on);

// Gives free memory back to the system until at most keep_bytes of it are left.
void TrimPageCache(int64_t keep_bytes = 0);

}  // namespace sap
