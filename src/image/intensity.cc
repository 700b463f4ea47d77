// SPDX-License-Identifier: Apache-2.0
#include "sap/image/intensity.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

constexpr int64_t kGrain = int64_t{1} << 20;
constexpr std::size_t kNumBins = std::size_t{1} << 16;
using Counts = std::vector<int64_t>;

// A bijection of float to uint32 that keeps the order (-0.0 just below 0.0).
uint32_t OrderedBits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

float FromOrderedBits(uint32_t ordered) {
  return std::bit_cast<float>((ordered & 0x80000000U) != 0 ? ordered & 0x7FFFFFFFU : ~ordered);
}

Counts CountHighHalves(const float* values, int64_t num_values) {
  Counts total(kNumBins, 0);
  std::mutex mutex;
  std::atomic<bool> has_nan{false};
  ParallelFor(num_values, kGrain, [&](int64_t begin, int64_t end) {
    Counts counts(kNumBins, 0);
    bool nan = false;
    for (int64_t i = begin; i < end; ++i) {
      nan |= std::isnan(values[i]);
      ++counts[OrderedBits(values[i]) >> 16U];
    }
    if (nan) has_nan = true;
    const std::lock_guard lock(mutex);
    for (std::size_t b = 0; b < kNumBins; ++b) total[b] += counts[b];
  });
  SAP_REQUIRE(ErrorKind::kInput,
              !has_nan,
              "percentiles of an image with NaN voxels are not defined; replace the NaNs by the "
              "background value and run again");
  return total;
}

// Counts of the low halves of the values whose high half is a key of `bins`.
void CountLowHalves(const float* values, int64_t num_values, std::map<uint32_t, Counts>& bins) {
  std::vector<int> slot_of_high(kNumBins, -1);
  int num_slots = 0;
  for (const auto& entry : bins) slot_of_high[entry.first] = num_slots++;
  Counts total(kNumBins * static_cast<std::size_t>(num_slots), 0);
  std::mutex mutex;
  ParallelFor(num_values, kGrain, [&](int64_t begin, int64_t end) {
    Counts counts(total.size(), 0);
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t ordered = OrderedBits(values[i]);
      const int slot = slot_of_high[ordered >> 16U];
      if (slot >= 0) ++counts[kNumBins * static_cast<std::size_t>(slot) + (ordered & 0xFFFFU)];
    }
    const std::lock_guard lock(mutex);
    for (std::size_t b = 0; b < total.size(); ++b) total[b] += counts[b];
  });
  auto from = total.begin();
  for (auto& entry : bins) {
    entry.second.assign(from, from + static_cast<std::ptrdiff_t>(kNumBins));
    from += static_cast<std::ptrdiff_t>(kNumBins);
  }
}

// The bin that holds the value of 0-based `rank`; `rank` becomes the rank inside that bin.
uint32_t BinOfRank(const Counts& counts, int64_t& rank) {
  uint32_t bin = 0;
  while (rank >= counts[bin]) rank -= counts[bin++];
  return bin;
}

// Values of the given 0-based ranks in ascending order: two counting passes over the halves of the
// bit pattern, so ties and constant images cost no more than others and nothing is copied.
std::map<int64_t, float> ValuesOfRanks(const Tensor& values, const std::vector<int64_t>& ranks) {
  const float* data = values.data_ptr<float>();
  const Counts high_counts = CountHighHalves(data, values.numel());
  std::map<int64_t, std::pair<uint32_t, int64_t>> place;  // rank -> high half, rank within
  std::map<uint32_t, Counts> bins;
  for (const int64_t rank : ranks) {
    int64_t inner = rank;
    const uint32_t high = BinOfRank(high_counts, inner);
    place[rank] = {high, inner};
    bins[high];
  }
  CountLowHalves(data, values.numel(), bins);
  std::map<int64_t, float> result;
  for (const auto& [rank, where] : place) {
    int64_t inner = where.second;
    const uint32_t low = BinOfRank(bins[where.first], inner);
    result[rank] = FromOrderedBits(where.first << 16U | low);
  }
  return result;
}

// numpy's _lerp: symmetric, and exact at both ends.
double Interpolated(double low, double high, double frac) {
  if (low == high) return low;
  const double step = high - low;
  return frac >= 0.5 ? high - step * (1.0 - frac) : low + step * frac;
}

Tensor RequireFlat(const Tensor& values) {
  SAP_CHECK(values.scalar_type() == at::kFloat && values.device().is_cpu(),
            "percentiles of {}",
            ShapeString(values));
  return values.contiguous();
}

// Percentiles of what is left when the `num_left_out` smallest are put aside.
std::vector<double> PercentilesOfUpper(const Tensor& flat,
                                       int64_t num_left_out,
                                       const std::vector<double>& q) {
  const int64_t last = flat.numel() - num_left_out - 1;
  std::vector<double> virtual_ranks;
  std::vector<int64_t> ranks;
  for (const double percent : q) {
    SAP_REQUIRE(ErrorKind::kOption,
                percent >= 0.0 && percent <= 100.0,
                "percentile {} is not within 0 to 100",
                percent);
    virtual_ranks.push_back(percent / 100.0 * static_cast<double>(last));
    const auto below = static_cast<int64_t>(std::floor(virtual_ranks.back()));
    ranks.push_back(num_left_out + below);
    ranks.push_back(num_left_out + std::min(below + 1, last));
  }
  const std::map<int64_t, float> value_of = ValuesOfRanks(flat, ranks);
  std::vector<double> result;
  for (std::size_t i = 0; i < q.size(); ++i) {
    result.push_back(Interpolated(value_of.at(ranks[2 * i]),
                                  value_of.at(ranks[2 * i + 1]),
                                  virtual_ranks[i] - std::floor(virtual_ranks[i])));
  }
  return result;
}

}  // namespace

std::vector<double> Percentiles(const Tensor& values, const std::vector<double>& q) {
  const Tensor flat = RequireFlat(values);
  SAP_REQUIRE(ErrorKind::kInput, flat.numel() > 0, "percentiles of an image without voxels");
  return PercentilesOfUpper(flat, 0, q);
}

std::vector<double> PercentilesAbove(const Tensor& values,
                                     float floor,
                                     const std::vector<double>& q) {
  const Tensor flat = RequireFlat(values);
  const float* data = flat.data_ptr<float>();
  std::atomic<int64_t> num_left_out{0};
  ParallelFor(flat.numel(), kGrain, [&](int64_t begin, int64_t end) {
    num_left_out += std::count_if(data + begin, data + end, [&](float v) { return v <= floor; });
  });
  SAP_REQUIRE(ErrorKind::kInput,
              num_left_out < flat.numel(),
              "percentiles of an image without a voxel above {:g}",
              floor);
  return PercentilesOfUpper(flat, num_left_out, q);
}

Tensor NormalizePercentiles(const Tensor& image, double low_pct, double high_pct, bool clip) {
  const std::vector<double> window = Percentiles(image, {low_pct, high_pct});
  const double low = window[0];
  const double width = window[1] - window[0];
  if (!(width > 0.0)) return at::zeros(image.sizes(), image.options());
  const Tensor source = image.contiguous();
  Tensor result = at::empty(source.sizes(), source.options());
  const float* from = source.data_ptr<float>();
  float* to = result.data_ptr<float>();
  ParallelFor(source.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double scaled = (static_cast<double>(from[i]) - low) / width;
      to[i] = static_cast<float>(clip ? std::clamp(scaled, 0.0, 1.0) : scaled);
    }
  });
  return result;
}

}  // namespace sap
