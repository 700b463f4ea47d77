// SPDX-License-Identifier: Apache-2.0
#include "eval/probability_scan.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::eval {
namespace {

constexpr int64_t kBlock = 1024;             // voxels of an inner loop, in the nearest cache
constexpr int64_t kPart = int64_t{1} << 18;  // voxels that a thread takes at a time

// Loops over blocks of fixed length are what the compiler turns into vector instructions.
bool AllInRange(const float* p) {
  int bad = 0;
  for (int64_t i = 0; i < kBlock; ++i) {
    bad |= static_cast<int>(!(p[i] >= 0.0F)) | static_cast<int>(!(p[i] <= 1.0F));
  }
  return bad == 0;
}

bool AnyAtLeast(const float* p, float limit) {
  int any = 0;
  for (int64_t i = 0; i < kBlock; ++i) any |= static_cast<int>(p[i] >= limit);
  return any != 0;
}

void Compare(const float* __restrict p, float limit, uint8_t* __restrict mask) {
  for (int64_t i = 0; i < kBlock; ++i) mask[i] = static_cast<uint8_t>(p[i] >= limit);
}

// visit(part, begin, end) for consecutive parts of the map, after their values have been found to
// lie in 0..1; the last block of a map is checked one by one.
template <typename Visit>
void ForEachValidPart(const CaseInput& input, const float* p, int64_t count, const Visit& visit) {
  std::atomic<bool> valid{true};
  ParallelFor((count + kPart - 1) / kPart, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last && valid; ++part) {
      const int64_t end = std::min(count, (part + 1) * kPart);
      int64_t i = part * kPart;
      bool good = true;
      for (; i + kBlock <= end; i += kBlock) good = AllInRange(p + i) && good;
      for (; i < end; ++i) good = p[i] >= 0.0F && p[i] <= 1.0F && good;
      if (!good) valid = false;
      if (good) visit(part, part * kPart, end);
    }
  });
  if (!valid) RequireValid(input);  // says what is wrong
}

}  // namespace

Tensor AtLeast(const CaseInput& input, double threshold) {
  const Tensor& map_XYZ = input.probability_XYZ;
  if (map_XYZ.scalar_type() != at::kFloat || !map_XYZ.is_contiguous()) {
    RequireValid(input);
    return map_XYZ >= threshold;
  }
  Tensor mask_XYZ = at::empty(map_XYZ.sizes(), at::kBool);
  const float* p = map_XYZ.data_ptr<float>();
  auto* mask = static_cast<uint8_t*>(mask_XYZ.data_ptr());
  const auto limit = static_cast<float>(threshold);
  ForEachValidPart(input, p, map_XYZ.numel(), [&](int64_t, int64_t i, int64_t end) {
    for (; i + kBlock <= end; i += kBlock) Compare(p + i, limit, mask + i);
    for (; i < end; ++i) mask[i] = static_cast<uint8_t>(p[i] >= limit);
  });
  return mask_XYZ;
}

ActiveVoxels SortActive(const CaseInput& input, const std::vector<double>& thresholds) {
  const Tensor map_XYZ = input.probability_XYZ.to(at::kFloat).contiguous();
  const float* p = map_XYZ.data_ptr<float>();
  const std::vector<float> limits(thresholds.begin(), thresholds.end());
  const int64_t count = map_XYZ.numel();
  std::vector<std::vector<int64_t>> found(static_cast<std::size_t>((count + kPart - 1) / kPart));
  ForEachValidPart(input, p, count, [&](int64_t part, int64_t i, int64_t end) {
    std::vector<int64_t>& voxels = found[static_cast<std::size_t>(part)];
    for (int64_t block_end = 0; i < end; i = block_end) {
      block_end = std::min(end, i + kBlock);
      if (block_end - i == kBlock && !AnyAtLeast(p + i, limits[0])) continue;
      for (int64_t v = i; v < block_end; ++v) {
        if (p[v] >= limits[0]) voxels.push_back(v);
      }
    }
  });
  const auto level_of = [&](int64_t voxel) {
    return static_cast<std::size_t>(std::upper_bound(limits.begin(), limits.end(), p[voxel]) -
                                    limits.begin());
  };
  // A counting sort by level that keeps C order.
  std::vector<std::size_t> in_level(limits.size() + 1, 0);
  for (const auto& voxels : found) {
    for (const int64_t voxel : voxels) ++in_level[level_of(voxel)];
  }
  ActiveVoxels active{.end_of_level = std::vector<std::size_t>(limits.size())};
  std::vector<std::size_t> next(limits.size() + 1, 0);
  std::size_t total = 0;
  for (std::size_t level = limits.size(); level >= 1; --level) {
    next[level] = total;
    total += in_level[level];
    active.end_of_level[level - 1] = total;
  }
  active.voxel.resize(total);
  for (const auto& voxels : found) {
    for (const int64_t voxel : voxels) active.voxel[next[level_of(voxel)]++] = voxel;
  }
  return active;
}

}  // namespace sap::eval
