// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::eval {
namespace {

constexpr double kStepsOfOne = 16777216.0;  // 2^24: float32's own step just below 1
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Rounded; value >= 0.
int64_t Steps(double value) {
  return static_cast<int64_t>(value * kStepsOfOne + 0.5);
}

double Ratio(double numerator, int64_t n) {
  return n == 0 ? kNaN : numerator / static_cast<double>(n);
}

Tensor AsBool(const Tensor& mask_XYZ) {
  return mask_XYZ.scalar_type() == at::kBool ? mask_XYZ.contiguous() : mask_XYZ.ne(0);
}

}  // namespace

void Reliability::Add(double p, bool positive) {
  const auto num_bins = std::ssize(bins_);
  const auto place = static_cast<int64_t>(p * static_cast<double>(num_bins));
  Bin& bin = bins_[static_cast<std::size_t>(std::clamp<int64_t>(place, 0, num_bins - 1))];
  ++bin.n;
  bin.positives += positive ? 1 : 0;
  bin.sum_p_steps += Steps(p);
  const double error = p - (positive ? 1.0 : 0.0);
  squared_error_steps_ += Steps(error * error);
}

Reliability& Reliability::operator+=(const Reliability& other) {
  SAP_CHECK(bins_.size() == other.bins_.size(), "{} and {} bins", bins_.size(), other.bins_.size());
  for (std::size_t b = 0; b < bins_.size(); ++b) {
    bins_[b].n += other.bins_[b].n;
    bins_[b].positives += other.bins_[b].positives;
    bins_[b].sum_p_steps += other.bins_[b].sum_p_steps;
  }
  squared_error_steps_ += other.squared_error_steps_;
  return *this;
}

double Reliability::Low(std::size_t bin) const {
  return static_cast<double>(bin) / static_cast<double>(bins_.size());
}

double Reliability::MeanP(std::size_t bin) const {
  return Ratio(static_cast<double>(bins_[bin].sum_p_steps) / kStepsOfOne, bins_[bin].n);
}

double Reliability::Observed(std::size_t bin) const {
  return Ratio(static_cast<double>(bins_[bin].positives), bins_[bin].n);
}

int64_t Reliability::NumItems() const {
  int64_t n = 0;
  for (const Bin& bin : bins_) n += bin.n;
  return n;
}

int64_t Reliability::NumPositives() const {
  int64_t positives = 0;
  for (const Bin& bin : bins_) positives += bin.positives;
  return positives;
}

double Reliability::BaseRate() const {
  return Ratio(static_cast<double>(NumPositives()), NumItems());
}

double Reliability::MeanP() const {
  double sum = 0;
  for (const Bin& bin : bins_) sum += static_cast<double>(bin.sum_p_steps) / kStepsOfOne;
  return Ratio(sum, NumItems());
}

double Reliability::Ece() const {
  double sum = 0;
  for (const Bin& bin : bins_) {
    sum += std::abs(static_cast<double>(bin.sum_p_steps) / kStepsOfOne -
                    static_cast<double>(bin.positives));
  }
  return Ratio(sum, NumItems());
}

double Reliability::Brier() const {
  return Ratio(static_cast<double>(squared_error_steps_) / kStepsOfOne, NumItems());
}

void AddVoxels(const Tensor& probability_XYZ,
               const Tensor& reference_XYZ,
               const Tensor& inside_XYZ,
               Reliability& reliability) {
  SAP_CHECK(probability_XYZ.sizes() == reference_XYZ.sizes() &&
                (!inside_XYZ.defined() || inside_XYZ.sizes() == reference_XYZ.sizes()),
            "probabilities {} and reference {}",
            ShapeString(probability_XYZ),
            ShapeString(reference_XYZ));
  const Tensor p_XYZ = probability_XYZ.to(at::kFloat).contiguous();
  const Tensor positive_XYZ = AsBool(reference_XYZ);
  const Tensor counted_XYZ = inside_XYZ.defined() ? AsBool(inside_XYZ) : Tensor();
  const float* p = p_XYZ.const_data_ptr<float>();
  const bool* positive = positive_XYZ.const_data_ptr<bool>();
  const bool* counted = counted_XYZ.defined() ? counted_XYZ.const_data_ptr<bool>() : nullptr;
  const int64_t num_bins = std::ssize(reliability.bins());
  std::mutex mutex;
  ParallelFor(p_XYZ.numel(), int64_t{1} << 18, [&](int64_t begin, int64_t end) {
    Reliability own(num_bins);
    for (int64_t i = begin; i < end; ++i) {
      if (counted == nullptr || counted[i]) own.Add(static_cast<double>(p[i]), positive[i]);
    }
    const std::lock_guard lock(mutex);
    reliability += own;
  });
}

void AddCandidates(const MatchResult& match, Reliability& reliability) {
  for (const Candidate& candidate : match.candidates) {
    const bool positive =
        std::any_of(candidate.lesions.begin(), candidate.lesions.end(), [&](int64_t g) {
          return !match.lesions[static_cast<std::size_t>(g)].ignored;
        });
    if (positive || candidate.false_positive) reliability.Add(candidate.score, positive);
  }
}

}  // namespace sap::eval
