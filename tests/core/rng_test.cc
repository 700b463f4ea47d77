// SPDX-License-Identifier: Apache-2.0
#include "sap/core/rng.h"

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace sap {
namespace {

TEST(Rng, SameKeyGivesTheSameNumbers) {
  Rng a({.seed = 7, .stream = Stream::kCrop, .epoch = 3, .sample = 11, .transform = 2});
  Rng b({.seed = 7, .stream = Stream::kCrop, .epoch = 3, .sample = 11, .transform = 2});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.Bits(), b.Bits());
}

TEST(Rng, EveryPartOfTheKeyMatters) {
  const Rng::Key base = {.seed = 7, .stream = Stream::kCrop, .epoch = 3, .sample = 11};
  std::vector<Rng::Key> keys(6, base);
  keys[1].seed = 8;
  keys[2].stream = Stream::kAugment;
  keys[3].epoch = 4;
  keys[4].sample = 12;
  keys[5].transform = 1;
  std::set<uint64_t> first;
  for (const auto& key : keys) {
    Rng rng(key);
    const uint64_t high = rng.Bits();
    first.insert(high << 32 | rng.Bits());
  }
  EXPECT_EQ(first.size(), keys.size());
}

TEST(Rng, NeighbouringSamplesAreUncorrelated) {
  double sum = 0;
  constexpr int kCount = 20000;
  for (uint64_t s = 0; s < kCount; ++s) {
    Rng a({.seed = 1, .sample = s});
    Rng b({.seed = 1, .sample = s + 1});
    sum += (a.Uniform() - 0.5) * (b.Uniform() - 0.5) * 12;
  }
  EXPECT_LT(std::abs(sum / kCount), 4 / std::sqrt(kCount));
}

TEST(Rng, MomentsAreThoseOfTheDistributions) {
  Rng rng({.seed = 5});
  constexpr int kCount = 100000;
  double uniform = 0, normal = 0, square = 0;
  for (int i = 0; i < kCount; ++i) {
    uniform += rng.Uniform();
    const double n = rng.Normal();
    normal += n;
    square += n * n;
  }
  EXPECT_NEAR(uniform / kCount, 0.5, 0.004);
  EXPECT_NEAR(normal / kCount, 0.0, 0.015);
  EXPECT_NEAR(square / kCount, 1.0, 0.02);
}

TEST(Rng, UniformIntCoversItsRangeEvenly) {
  Rng rng({.seed = 5});
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<std::size_t>(rng.UniformInt(-3, 4) + 3)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
}

TEST(Rng, ShuffleIsAPermutation) {
  std::vector<int> values(50);
  std::iota(values.begin(), values.end(), 0);
  Rng({.seed = 9}).Shuffle(std::span<int>(values));
  EXPECT_FALSE(std::is_sorted(values.begin(), values.end()));
  EXPECT_EQ(std::set<int>(values.begin(), values.end()).size(), 50U);
}

}  // namespace
}  // namespace sap
