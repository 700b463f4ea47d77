// SPDX-License-Identifier: Apache-2.0
// Lesions as a reader lists them: place, size, ADC, and whether they would do as targets. An aid
// for research in the manner of MET-RADS-P; choosing targets is a radiologist's task.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/eval/detection.h"

namespace sap::eval {

struct FindingOptions {
  double target_min_mm = 10.0;
  int64_t max_targets = 5;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("target_min_diameter_mm", target_min_mm)
        .Help("a target is at least this long [mm]")
        .AtLeast(0);
    v.Field("max_targets", max_targets).Help("targets per exam, longest first").Range(0, 1000);
  }
};

// Targets among lesions of these longest diameters; equal ones in their order. NaN is no target.
std::vector<bool> ChooseTargets(const std::vector<double>& longest_mm,
                                const FindingOptions& options);

enum class FindingSource { kReference, kPrediction };

// Lesions of one exam, from the reference or by one method.
struct ExamFindings {
  FindingSource source = FindingSource::kPrediction;
  std::string method;  // empty for the reference
  std::string id;
  struct Finding {
    int64_t number = 0;  // as in lesions.csv or candidates.csv
    int64_t num_vox = 0;
    double volume_ml = 0;
    double score = 0;  // NaN for the reference
    bool target = false;
    LesionDetails details;
  };
  std::vector<Finding> findings;

  double TotalMl() const;
  int64_t NumTargets() const;
  double TargetSumMm() const;     // of longest diameters
  double AdcMeanUm2PerS() const;  // weighted by voxels, NaN without any
};

// The exams of the reference (ignored lesions left out) or of one method.
std::vector<ExamFindings> ListFindings(FindingSource source,
                                       const std::string& method,
                                       const LesionSummary& summary,
                                       const FindingOptions& options);
std::string FindingsCsv(const std::vector<ExamFindings>& exams);
// One row per exam.
std::string BurdenCsv(const std::vector<ExamFindings>& exams);
std::string BurdenMarkdown(const std::vector<ExamFindings>& exams);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::FindingSource> {
  static constexpr std::pair<sap::eval::FindingSource, std::string_view> kNames[] = {
      {sap::eval::FindingSource::kReference, "reference"},
      {sap::eval::FindingSource::kPrediction, "prediction"}};
};
