// SPDX-License-Identifier: Apache-2.0
#include "data/split_algorithms.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <random>
#include <span>

#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::data {
namespace {

std::vector<SubjectBurden> ByDescendingBurden(std::vector<SubjectBurden> subjects) {
  std::sort(subjects.begin(), subjects.end(), [](const SubjectBurden& a, const SubjectBurden& b) {
    if (a.num_lesions != b.num_lesions) return a.num_lesions > b.num_lesions;
    if (a.volume_ml != b.volume_ml) return a.volume_ml > b.volume_ml;
    return a.subject < b.subject;
  });
  return subjects;
}

bool HasSeat(const Folds& folds, const std::vector<int>& fold_sizes, std::size_t f) {
  return static_cast<int>(folds[f].size()) < fold_sizes[f];
}

}  // namespace

std::vector<int> NumpyLegacyShuffle(int n, uint32_t seed) {
  std::mt19937 bits(seed);  // the standard's seeding is MT19937's init_genrand, as NumPy's
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (uint32_t i = static_cast<uint32_t>(std::max(n, 1)) - 1; i > 0; --i) {
    const uint32_t mask = std::bit_ceil(i + 1) - 1;
    uint32_t j = bits() & mask;
    while (j > i) j = bits() & mask;
    std::swap(order[i], order[j]);
  }
  return order;
}

std::vector<int> FoldSizes(int num_subjects, int num_folds) {
  SAP_REQUIRE(ErrorKind::kInput,
              num_folds >= 1 && num_subjects >= num_folds,
              "{} subjects cannot fill {} folds; lower split.num_folds",
              num_subjects,
              num_folds);
  const int base = num_subjects / num_folds;
  int surplus = num_subjects % num_folds;
  std::vector<int> sizes(static_cast<std::size_t>(num_folds), base);
  if (surplus >= 2 && base >= 2) {
    ++sizes[0];
    --surplus;
  }
  for (std::size_t f = 0; surplus > 0; ++f, --surplus) ++sizes[f];
  return sizes;
}

Folds DealGreedy(const std::vector<SubjectBurden>& subjects, const std::vector<int>& fold_sizes) {
  Folds folds(fold_sizes.size());
  std::vector<double> lesions_per_seat(fold_sizes.size(), 0.0);
  for (const SubjectBurden& subject : ByDescendingBurden(subjects)) {
    std::size_t best = fold_sizes.size();
    for (std::size_t f = 0; f < fold_sizes.size(); ++f) {
      if (!HasSeat(folds, fold_sizes, f)) continue;
      if (best == fold_sizes.size() || lesions_per_seat[f] < lesions_per_seat[best]) best = f;
    }
    SAP_CHECK(best < fold_sizes.size());
    folds[best].push_back(subject.subject);
    lesions_per_seat[best] += static_cast<double>(subject.num_lesions) / fold_sizes[best];
  }
  return folds;
}

Folds DealSnake(const std::vector<SubjectBurden>& subjects, const std::vector<int>& fold_sizes) {
  Folds folds(fold_sizes.size());
  const std::size_t k = fold_sizes.size();
  std::size_t turn = 0;
  for (const SubjectBurden& subject : ByDescendingBurden(subjects)) {
    std::size_t f = k;
    do {
      const std::size_t step = turn++ % (2 * k);
      f = step < k ? step : 2 * k - 1 - step;
    } while (!HasSeat(folds, fold_sizes, f));
    folds[f].push_back(subject.subject);
  }
  return folds;
}

Folds DealBins(const std::vector<SubjectBurden>& subjects,
               const std::vector<int>& fold_sizes,
               int num_bins,
               uint64_t seed) {
  Folds folds(fold_sizes.size());
  std::vector<SubjectBurden> ordered = ByDescendingBurden(subjects);
  const std::size_t n = ordered.size();
  const auto bins = static_cast<std::size_t>(num_bins);
  std::size_t f = 0;
  for (std::size_t b = 0; b < bins; ++b) {
    const std::size_t begin = b * n / bins;
    const std::span bin(ordered.data() + begin, (b + 1) * n / bins - begin);
    Rng({.seed = seed, .stream = Stream::kSplit, .sample = b}).Shuffle(bin);
    for (const SubjectBurden& subject : bin) {
      while (!HasSeat(folds, fold_sizes, f)) f = (f + 1) % folds.size();
      folds[f].push_back(subject.subject);
      f = (f + 1) % folds.size();
    }
  }
  return folds;
}

Folds DealCompat(const std::vector<SubjectBurden>& subjects,
                 int num_folds,
                 uint32_t seed,
                 std::vector<std::string>& warnings) {
  const int n = static_cast<int>(subjects.size());
  const std::vector<int> order = NumpyLegacyShuffle(n, seed);
  const auto chunk = static_cast<std::size_t>(std::max(1, n / num_folds));
  Folds folds;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i % chunk == 0) folds.emplace_back();
    folds.back().push_back(subjects[static_cast<std::size_t>(order[i])].subject);
  }
  if (static_cast<int>(folds.size()) > num_folds) {
    auto& last = folds[folds.size() - 2];
    last.insert(last.end(), folds.back().begin(), folds.back().end());
    folds.pop_back();
  }
  if (static_cast<int>(folds.size()) != num_folds) {
    warnings.push_back(fmt::format(
        "the compat split of {} subjects gives {} folds, not {}", n, folds.size(), num_folds));
  }
  if (folds.back().size() > chunk) {
    warnings.push_back(fmt::format("the last fold of the compat split has {} subjects, others {}",
                                   folds.back().size(),
                                   chunk));
  }
  return folds;
}

}  // namespace sap::data
