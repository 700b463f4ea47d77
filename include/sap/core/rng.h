// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace sap {

// What a random draw is for. A stream that is added later does not change the others.
enum class Stream : uint32_t {
  kPhantomBody = 1,
  kPhantomLesions = 2,
  kPhantomSignal = 3,
  kSplit = 10,
  kEpochPlan = 11,
  kCrop = 12,
  kNegatives = 13,
  kAugment = 14,
  kInit = 20,
  kBootstrap = 40,
  kTest = 99,
};

// A counter-based generator (Philox 4x32-10, Salmon et al. 2011): the numbers depend only on
// (seed, stream, epoch, sample, transform), never on threads, ranks or what was drawn before.
class Rng {
 public:
  struct Key {
    uint64_t seed = 0;
    Stream stream = Stream::kTest;
    uint64_t epoch = 0;
    uint64_t sample = 0;
    uint32_t transform = 0;
  };
  explicit Rng(const Key& key);

  uint32_t Bits();
  double Uniform();                               // [0, 1), 53 bits
  double Uniform(double low, double high);        // [low, high)
  double Normal();                                // mean 0, variance 1 (Box-Muller)
  int64_t UniformInt(int64_t low, int64_t high);  // low <= value < high, without modulo bias
  bool Bernoulli(double probability);

  // Fisher-Yates, in place.
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (int64_t i = static_cast<int64_t>(values.size()) - 1; i > 0; --i) {
      std::swap(values[static_cast<std::size_t>(i)],
                values[static_cast<std::size_t>(UniformInt(0, i + 1))]);
    }
  }

 private:
  void Refill();

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace sap
