// SPDX-License-Identifier: Apache-2.0
// Detection of lesions, all and large ones, per exam and over exams (evaluation §1.2-1.4).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/eval/lesion_match.h"
#include "sap/eval/overlap.h"
#include "sap/eval/surface.h"

namespace sap::eval {

// One exam's confusion: detected and missed lesions, unmatched candidates. Adding exams pools.
struct DetectionCounts {
  int64_t lesions = 0;             // G, ignored ones left out
  int64_t detected = 0;            // TP
  int64_t candidates = 0;          // C, those that touch only ignored lesions left out
  int64_t matched_candidates = 0;  // overlap a lesion
  int64_t false_positives = 0;     // FP

  int64_t missed() const { return lesions - detected; }  // FN
  // NaN where G = 0.
  double Sensitivity() const;
  // TP / (TP + FP); where that is 0 / 0: 0 with lesions, NaN without.
  double Precision() const;
  // 5 TP / (5 TP + 4 FN + FP); NaN where G = 0.
  double F2() const;
  // The same with candidates as precision's true positives: matched / all candidates.
  double CandidatePrecision() const;
  double CandidateF2() const;
  bool operator==(const DetectionCounts&) const = default;
  DetectionCounts& operator+=(const DetectionCounts& other);
};

DetectionCounts CountAll(const MatchResult& match);
// Reference lesions of at least large_ml hit by any candidate; false positives by large_fp.
DetectionCounts CountLarge(const MatchResult& match);

struct ThresholdCounts {
  double threshold = 0;
  DetectionCounts all;
  DetectionCounts large;
};

// One exam: masks and maps [X, Y, Z] on one grid, CPU. reference != 0 is lesion (bool or integer);
// probability is float32 in [0, 1] (a mask of 0 and 1 will do).
struct CaseInput {
  std::string id;
  Tensor reference_XYZ;
  Tensor probability_XYZ;
  XyzDouble spacing_mm{1, 1, 1};
};
using CaseLoader = std::function<CaseInput(std::size_t case_idx)>;

struct CaseLesions {
  std::string id;
  MatchResult match;
  std::vector<SurfaceScores> surfaces;  // by lesion; no values for those missed or ignored
  DetectionCounts all;
  DetectionCounts large;
  OverlapCounts voxels;  // all lesions as one foreground, false positives included
  double reference_ml = 0;
  double predicted_ml = 0;
  double mean_dice = 0;            // over all lesions, 0 for missed ones; NaN without lesions
  double mean_dice_penalised = 0;  // divided by G + FP
};

// One value per exam; those that are NaN are counted, never dropped in silence.
struct Distribution {
  int64_t n = 0;
  int64_t n_excluded = 0;
  double mean = 0;
  double median = 0;
  double q25 = 0;
  double q75 = 0;
};
Distribution Summarize(const std::vector<double>& values);

struct LesionSummary {
  double threshold = 0.5;  // p >= threshold is lesion
  MatchOptions options;
  std::vector<CaseLesions> cases;  // in the order given
  DetectionCounts pooled_all;
  DetectionCounts pooled_large;
  // [case][threshold of DefaultThresholds]; only with the rule any_overlap, where it is one pass.
  std::vector<std::vector<ThresholdCounts>> sweeps;

  // Of every detected lesion, over all exams, in the order of cases and lesions.
  std::vector<double> DetectedDice() const;
  std::vector<double> DetectedSurface(double (*value_of)(const SurfaceScores&)) const;
  // Named columns of the report, one value per exam.
  std::vector<std::pair<std::string, std::vector<double>>> PerCaseMetrics() const;
};

// Throws kInput naming the case for probabilities outside 0..1 or NaN, kGeometry for other sizes.
CaseLesions EvaluateCase(const CaseInput& input, double threshold, const MatchOptions& options);
LesionSummary EvaluateLesions(std::size_t num_cases,
                              const CaseLoader& load,
                              double threshold,
                              const MatchOptions& options = {});

// visit(case) for each case in order. The next one is loaded meanwhile, on a thread of its own:
// unpacking a file keeps one core busy, and measuring a case rarely both.
void ForEachCase(std::size_t num_cases,
                 const CaseLoader& load,
                 const std::function<void(const CaseInput& input)>& visit);

void RequireOneGrid(const CaseInput& input);
void RequireValid(const CaseInput& input);  // the grid and every probability

}  // namespace sap::eval
