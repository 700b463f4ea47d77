// SPDX-License-Identifier: Apache-2.0
#include "sap/core/rng.h"

#include <cmath>
#include <numbers>

#include <Random123/philox.h>

#include "sap/core/error.h"

namespace sap {
namespace {

// Two words of the 128-bit counter carry (epoch, sample), hashed with the stream and transform
// into a key and a start; the first word counts blocks. Mixing goes through Philox itself, so
// keys that differ in one bit give unrelated streams.
using Philox = r123::Philox4x32;

}  // namespace

Rng::Rng(const Key& key) {
  const Philox::key_type seed_key = {
      {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)}};
  const Philox::ctr_type where = {
      {static_cast<uint32_t>(key.epoch),
       static_cast<uint32_t>(key.stream) ^ static_cast<uint32_t>(key.epoch >> 32) * 0x9E3779B9U,
       static_cast<uint32_t>(key.sample),
       static_cast<uint32_t>(key.sample >> 32) ^ key.transform * 0x85EBCA6BU}};
  const Philox::ctr_type mixed = Philox()(where, seed_key);
  key_ = {mixed[0], mixed[1]};
  counter_ = {0, key.transform, mixed[2], mixed[3]};
}

void Rng::Refill() {
  const Philox::key_type key = {{key_[0], key_[1]}};
  const Philox::ctr_type counter = {{counter_[0], counter_[1], counter_[2], counter_[3]}};
  const Philox::ctr_type out = Philox()(counter, key);
  for (std::size_t i = 0; i < 4; ++i) block_[i] = out[i];
  ++counter_[0];
  used_ = 0;
}

uint32_t Rng::Bits() {
  if (used_ == 4) Refill();
  return block_[static_cast<std::size_t>(used_++)];
}

double Rng::Uniform() {
  const uint64_t high = Bits();
  const uint64_t bits = (high << 32) | Bits();
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

double Rng::Uniform(double low, double high) {
  return low + (high - low) * Uniform();
}

double Rng::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

int64_t Rng::UniformInt(int64_t low, int64_t high) {
  SAP_CHECK(low < high, "empty range [{}, {})", low, high);
  const uint64_t count = static_cast<uint64_t>(high - low);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % count;  // drawing below it has no modulo bias
  uint64_t bits = 0;
  do {
    const uint64_t high_word = Bits();
    bits = (high_word << 32) | Bits();
  } while (bits >= limit);
  return low + static_cast<int64_t>(bits % count);
}

bool Rng::Bernoulli(double probability) {
  return Uniform() < probability;
}

}  // namespace sap
