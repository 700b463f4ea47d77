// SPDX-License-Identifier: Apache-2.0
#include "sap/core/page_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <unordered_map>
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include "sap/core/error.h"

namespace sap {
namespace {

constexpr std::size_t kSmallBytes = std::size_t{1} << 16;  // below: the C library
constexpr std::size_t kGrainBytes = std::size_t{1} << 16;  // sizes are rounded up to this
constexpr std::size_t kHugePage = std::size_t{1} << 21;    // mapped ranges are aligned to this
constexpr std::size_t kMapBytes = std::size_t{1} << 25;    // least that is asked of the system
constexpr std::size_t kAlignment = 64;

std::size_t RoundUp(std::size_t bytes, std::size_t to) {
  return (bytes + to - 1) / to * to;
}

// Free ranges by address and by size; neighbours are merged, large ranges are split (best fit).
class FreeRanges {
 public:
  using Address = char*;

  void Insert(Address at, std::size_t bytes) {
    total_ += bytes;
    auto next = by_address_.lower_bound(at);
    if (next != by_address_.end() && at + bytes == next->first) {
      bytes += next->second;
      next = Erase(next);
    }
    if (next != by_address_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == at) {
        at = before->first;
        bytes += before->second;
        Erase(before);
      }
    }
    by_address_.emplace(at, bytes);
    by_size_.emplace(bytes, at);
  }

  // The smallest range that holds `bytes`, cut to them; null if there is none.
  Address Take(std::size_t bytes) {
    const auto fit = by_size_.lower_bound({bytes, nullptr});
    if (fit == by_size_.end()) return nullptr;
    const auto [size, at] = *fit;
    Remove(at, size);
    if (size > bytes) Insert(at + bytes, size - bytes);
    return at;
  }

  std::pair<Address, std::size_t> TakeLargest() {
    const auto [size, at] = *by_size_.rbegin();
    Remove(at, size);
    return {at, size};
  }

  std::size_t total() const { return total_; }

 private:
  using ByAddress = std::map<Address, std::size_t>;

  ByAddress::iterator Erase(ByAddress::iterator it) {
    by_size_.erase({it->second, it->first});
    return by_address_.erase(it);
  }
  void Remove(Address at, std::size_t bytes) {
    by_size_.erase({bytes, at});
    by_address_.erase(at);
    total_ -= bytes;
  }

  ByAddress by_address_;
  std::set<std::pair<std::size_t, Address>> by_size_;
  std::size_t total_ = 0;
};

// Fresh memory, aligned to a huge page; null when the system has none.
char* MapAligned(std::size_t bytes) {
  const std::size_t asked = bytes + kHugePage;
  void* raw = mmap(nullptr, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(raw);
  char* aligned =
      begin + (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (aligned > begin) munmap(begin, static_cast<std::size_t>(aligned - begin));
  const std::size_t behind = static_cast<std::size_t>(begin + asked - (aligned + bytes));
  if (behind > 0) munmap(aligned + bytes, behind);
  madvise(aligned, bytes, MADV_HUGEPAGE);  // advice only: refusal costs speed, not correctness
  return aligned;
}

class PageCache final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* data = bytes == 0 ? nullptr : bytes < kSmallBytes ? Small(bytes) : Large(bytes);
    return {data, data, &PageCache::Delete, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &PageCache::Delete; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  PageCacheStats Stats() {
    const std::lock_guard lock(mutex_);
    return {static_cast<int64_t>(in_use_),
            static_cast<int64_t>(peak_),
            static_cast<int64_t>(free_.total()),
            num_maps_};
  }
  void ResetPeak() {
    const std::lock_guard lock(mutex_);
    peak_ = in_use_;
  }
  void SetExchange(bool on) {
    const std::lock_guard lock(mutex_);
    exchange_ = on;
  }
  void Trim(std::size_t keep_bytes) {
    const std::lock_guard lock(mutex_);
    ReleaseDownTo(keep_bytes);
  }

  // Never destroyed: tensors with static lifetime are freed after every other object.
  static PageCache& Instance() {
    static PageCache* cache = new PageCache;
    return *cache;
  }

 private:
  static void* Small(std::size_t bytes) {
    void* data = nullptr;
    if (posix_memalign(&data, kAlignment, bytes) != 0) FailOutOfMemory(bytes);
    return data;
  }

  [[noreturn]] static void FailOutOfMemory(std::size_t bytes) {
    Fail(ErrorKind::kIo,
         "no memory for a tensor of {} MiB; use a smaller window or batch, or fewer processes",
         bytes >> 20);
  }

  void* Large(std::size_t bytes) {
    const std::size_t size = RoundUp(bytes, kGrainBytes);
    const std::lock_guard lock(mutex_);
    char* data = free_.Take(size);
    if (data == nullptr) {
      Grow(size);
      data = free_.Take(size);
    }
    sizes_.emplace(data, size);
    in_use_ += size;
    peak_ = std::max(peak_, in_use_);
    return data;
  }

  void Grow(std::size_t size) {
    const std::size_t mapped = std::max(kMapBytes, RoundUp(size, kHugePage));
    if (exchange_) ReleaseDownTo(free_.total() - std::min(free_.total(), mapped));
    char* fresh = MapAligned(mapped);
    if (fresh == nullptr) {
      ReleaseDownTo(0);
      fresh = MapAligned(mapped);
    }
    if (fresh == nullptr) FailOutOfMemory(size);
    ++num_maps_;
    free_.Insert(fresh, mapped);
  }

  static void Delete(void* data) {
    if (data != nullptr && !Instance().Release(static_cast<char*>(data))) std::free(data);
  }

  bool Release(char* data) {
    if (reinterpret_cast<std::uintptr_t>(data) % kGrainBytes != 0) return false;
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(data);
    if (found == sizes_.end()) return false;
    in_use_ -= found->second;
    free_.Insert(data, found->second);
    sizes_.erase(found);
    return true;
  }

  void ReleaseDownTo(std::size_t keep_bytes) {
    while (free_.total() > keep_bytes) {
      const auto [at, bytes] = free_.TakeLargest();
      // No more than asked, in whole huge pages: the rest may serve the next request.
      const std::size_t given =
          std::min(bytes, RoundUp(free_.total() + bytes - keep_bytes, kHugePage));
      munmap(at, given);
      if (given < bytes) free_.Insert(at + given, bytes - given);
    }
  }

  std::mutex mutex_;
  FreeRanges free_;
  std::unordered_map<void*, std::size_t> sizes_;
  std::size_t in_use_ = 0;
  std::size_t peak_ = 0;
  bool exchange_ = false;
  int64_t num_maps_ = 0;
};

}  // namespace

void InstallPageCache() {
  constexpr uint8_t kPriority = 100;
  c10::SetCPUAllocator(&PageCache::Instance(), kPriority);
}

PageCacheStats GetPageCacheStats() {
  return PageCache::Instance().Stats();
}
void ResetPageCachePeak() {
  PageCache::Instance().ResetPeak();
}

void SetPageCacheExchange(bool on) {
  PageCache::Instance().SetExchange(on);
}

void TrimPageCache(int64_t keep_bytes) {
  SAP_CHECK(keep_bytes >= 0, "{}", keep_bytes);
  PageCache::Instance().Trim(static_cast<std::size_t>(keep_bytes));
}

}  // namespace sap
