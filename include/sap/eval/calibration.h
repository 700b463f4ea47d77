// SPDX-License-Identifier: Apache-2.0
// How far probabilities are what they say: of voxels, and of candidates by their scores.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/tensor.h"
#include "sap/eval/lesion_match.h"
#include "sap/eval/report_html.h"

namespace sap::eval {

struct CalibrationOptions {
  int64_t bins = 15;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("calibration_bins", bins).Help("equal bins of probability").Range(2, 1000);
  }
};

// Probabilities against outcomes in equal bins of 0 .. 1; p = 1 belongs to the last. All sums are
// whole numbers (probabilities in steps of 2^-24, so a mean is off by at most 3e-8): they do not
// depend on threads or on the order of exams.
class Reliability {
 public:
  struct Bin {
    int64_t n = 0;
    int64_t positives = 0;
    int64_t sum_p_steps = 0;
    bool operator==(const Bin&) const = default;
  };

  explicit Reliability(int64_t num_bins) : bins_(static_cast<std::size_t>(num_bins)) {}

  void Add(double p, bool positive);
  Reliability& operator+=(const Reliability& other);  // SAP_CHECK: as many bins
  bool operator==(const Reliability&) const = default;

  const std::vector<Bin>& bins() const { return bins_; }
  double Low(std::size_t bin) const;
  double MeanP(std::size_t bin) const;     // NaN for an empty bin
  double Observed(std::size_t bin) const;  // share of positives; NaN for an empty bin

  int64_t NumItems() const;
  int64_t NumPositives() const;
  // The following are NaN without items.
  double BaseRate() const;
  double MeanP() const;
  double Ece() const;    // sum over bins of n / N * |mean p - observed|
  double Brier() const;  // mean of (p - outcome)^2

 private:
  std::vector<Bin> bins_;
  int64_t squared_error_steps_ = 0;
};

// Voxels of one exam: probability_XYZ float32, positive where reference_XYZ != 0, only where
// inside_XYZ != 0 (undefined: everywhere); reference and inside are bool or integer. On all
// threads.
void AddVoxels(const Tensor& probability_XYZ,
               const Tensor& reference_XYZ,
               const Tensor& inside_XYZ,
               Reliability& reliability);

// Candidates of one exam by their scores: positive when matched to a lesion, negative when false
// positive; those on ignored lesions alone are neither and left out.
void AddCandidates(const MatchResult& match, Reliability& reliability);

struct MethodCalibration {
  std::string method;
  int64_t exams_in_region = 0;  // of which only the given region counts
  int64_t exams_whole = 0;      // of which every voxel does
  Reliability voxels;
  Reliability candidates;
};
std::string CalibrationCsv(const std::vector<MethodCalibration>& methods);
std::string CalibrationMarkdown(const std::vector<MethodCalibration>& methods);
nlohmann::json CalibrationJson(const MethodCalibration& method);
// Share that is lesion over probability, one panel per method: voxels and candidates.
Figure CalibrationFigure(const std::vector<MethodCalibration>& methods);

}  // namespace sap::eval
