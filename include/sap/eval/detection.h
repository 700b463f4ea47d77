// SPDX-License-Identifier: Apache-2.0
// Detection of lesions, all and large ones, per exam and over exams (evaluation §1.2-1.4).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/eval/lesion_details.h"
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
  // TP / (TP + FP), or by tp_count matched / all candidates. Where that is 0 / 0: empty_prediction
  // with lesions, NaN without.
  double Precision(const RatioOptions& options = {}) const;
  // 5 TP / (5 TP + 4 FN + FP), or by tp_count from sensitivity and precision. Where G = 0:
  // empty_reference with candidates, both_empty without.
  double F2(const RatioOptions& options = {}) const;
  bool operator==(const DetectionCounts&) const = default;
  DetectionCounts& operator+=(const DetectionCounts& other);
};

DetectionCounts CountAll(const MatchResult& match);
// Reference lesions of at least large_ml, hit as large_candidate says; false positives by large_fp.
DetectionCounts CountLarge(const MatchResult& match);

struct ThresholdCounts {
  double threshold = 0;
  DetectionCounts all;
  DetectionCounts large;
};

// One exam: masks and maps [X, Y, Z] on one grid, CPU. reference != 0 is lesion, with gt_instances
// `file` each value above 0 one; probability is float32 in [0, 1] (a mask of 0 and 1 will do).
struct CaseInput {
  std::string id;
  Tensor reference_XYZ;
  Tensor probability_XYZ;
  XyzDouble spacing_mm{1, 1, 1};
};
using CaseLoader = std::function<CaseInput(std::size_t case_idx)>;

// Lesions that count and candidates that are kept, were voxels joined by so many neighbours.
struct ConnectivityCounts {
  int connectivity = 0;
  int64_t lesions = 0;
  int64_t candidates = 0;
};

struct CaseLesions {
  std::string id;
  MatchResult match;
  std::vector<ConnectivityCounts> audit;         // 6, 18 and 26
  std::vector<SurfaceScores> surfaces;           // by lesion; no values for those missed or ignored
  std::vector<LesionDetails> lesion_details;     // by lesion; empty unless a visitor fills them
  std::vector<LesionDetails> candidate_details;  // by candidate
  bool has_regions = false;                      // the details name regions
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
  // [case][threshold of DefaultThresholds]; only where SweepsInOnePass.
  std::vector<std::vector<ThresholdCounts>> sweeps;

  // Appends a case and pools its counts.
  void Add(CaseLesions result);
  // Of every detected lesion (of every match group with lesion_pair group), over all exams, in the
  // order of cases and lesions.
  std::vector<double> DetectedDice() const;
  std::vector<double> DetectedSurface(double (*value_of)(const SurfaceScores&)) const;
  // Named columns of the report, one value per exam.
  std::vector<std::pair<std::string, std::vector<double>>> PerCaseMetrics() const;
};

// Throws kInput naming the case for probabilities outside 0..1 or NaN, kGeometry for other sizes.
CaseLesions EvaluateCase(const CaseInput& input, double threshold, const MatchOptions& options);
// The same, without audit and distances, from label maps that are at hand; `input` is valid.
CaseLesions EvaluateLabelled(const CaseInput& input,
                             const LabelledCase& labelled,
                             const MatchOptions& options);

// Sees each case while its volumes are loaded, after it is evaluated.
using CaseVisitor =
    std::function<void(const CaseInput& input, const LabelledCase& labelled, CaseLesions& result)>;
LesionSummary EvaluateLesions(std::size_t num_cases,
                              const CaseLoader& load,
                              double threshold,
                              const MatchOptions& options = {},
                              const CaseVisitor& visit = nullptr);

// visit(case) for each case in order. The next one is loaded meanwhile, on a thread of its own:
// unpacking a file keeps one core busy, and measuring a case rarely both.
void ForEachCase(std::size_t num_cases,
                 const CaseLoader& load,
                 const std::function<void(const CaseInput& input)>& visit);

void RequireOneGrid(const CaseInput& input);
void RequireValid(const CaseInput& input);  // the grid and every probability

}  // namespace sap::eval
