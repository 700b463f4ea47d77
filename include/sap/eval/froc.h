// SPDX-License-Identifier: Apache-2.0
// Curves over thresholds and volumes (evaluation §1.6, §1.7).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/eval/bootstrap.h"
#include "sap/eval/detection.h"
#include "sap/eval/threshold.h"

namespace sap::eval {

// Components labelled anew at each threshold, or fixed at one threshold and ranked by their score.
enum class FrocMethod { kSweep, kCandidate };
// Beyond the last point: the last sensitivity holds up to the limit, or the area ends.
enum class CurveEnd { kHold, kStop };
enum class LesionSize { kAll, kLarge };
// Every lesion weighs as much, or every patient with a lesion; false positives per exam are the
// mean over exams either way.
enum class FrocAverage { kPooled, kPerPatient };

struct FrocPoint {
  double fp_per_exam = 0;
  double sensitivity = 0;
  double threshold = std::numeric_limits<double>::quiet_NaN();  // none at the origin
  Interval band = kNoInterval;  // of the sensitivity at that many false positives
};

// From (0, 0) on, ascending in both coordinates.
struct FrocCurve {
  std::vector<FrocPoint> points;
  int64_t num_lesions = 0;
  int64_t num_exams = 0;
  double cut_threshold = std::numeric_limits<double>::quiet_NaN();  // where a sweep was cut
};

// cases[exam][threshold], ascending thresholds. Components merge at low thresholds, so false
// positives fall again: the curve follows falling thresholds up to the first that has the most
// false positives or passes limit_fp (that point is kept, for interpolation), and leaves out
// points with fewer false positives than an earlier one.
FrocCurve SweepFroc(const std::vector<std::vector<ThresholdCounts>>& cases,
                    LesionSize size,
                    double limit_fp,
                    FrocAverage average = FrocAverage::kPooled);

// A lesion's score is the largest of its candidates' (-inf when missed); all items of one score
// enter together.
FrocCurve FrocFromScores(std::vector<double> lesion_scores,
                         std::vector<double> fp_scores,
                         int64_t num_exams);
// One exam's scores, and the curve of several.
struct ExamScores {
  std::vector<double> lesions;
  std::vector<double> false_positives;
};
std::vector<ExamScores> ScoresOfExams(const std::vector<CaseLesions>& cases, LesionSize size);
FrocCurve FrocFromScores(const std::vector<ExamScores>& exams, FrocAverage average);
FrocCurve CandidateFroc(const std::vector<CaseLesions>& cases,
                        LesionSize size,
                        FrocAverage average = FrocAverage::kPooled);

// What a curve says at one place: sensitivities, and the areas.
inline constexpr std::array kReportedFp = {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0};  // per exam
struct FrocIntervals {
  Interval area = kNoInterval;
  Interval mean_sensitivity = kNoInterval;
  std::array<Interval, kReportedFp.size()> at_reported_fp{};
};
// 95 % percentile intervals over curves of resampled exams, drawn with replacement: sets the band
// of every point of `curve` and returns the rest. curve_of(exams) is the curve of the exams of
// those indices. No resamples: no intervals.
FrocIntervals ResampleFroc(
    const std::function<FrocCurve(const std::vector<int64_t>& exams)>& curve_of,
    double limit_fp,
    CurveEnd end,
    const BootstrapOptions& options,
    FrocCurve& curve);

// Area under the piecewise linear curve from 0 to limit_fp, not normalised.
double FrocArea(const FrocCurve& curve, double limit_fp, CurveEnd end = CurveEnd::kHold);
// Highest sensitivity at that many false positives per exam; the last one holds.
double SensitivityAt(const FrocCurve& curve, double fp_per_exam);
// Mean over kReportedFp (LUNA16).
double MeanSensitivity(const FrocCurve& curve);

// Precision summed over steps of recall at each distinct score; lesions that were missed count in
// recall alone. NaN without lesions.
double AveragePrecision(const std::vector<double>& lesion_scores,
                        const std::vector<double>& fp_scores);
// P(a positive's score is higher) + half of P(equal). NaN where a class is empty.
double Auroc(const std::vector<double>& positive, const std::vector<double>& negative);

// Of lesions and false positives of at least volume_ml (Fig. 6).
struct VolumePoint {
  double volume_ml = 0;
  int64_t num_lesions = 0;
  double sensitivity = 0;  // NaN without lesions
  double fp_per_exam = 0;
  double share_of_lesions = 0;  // cumulative histogram
};
// 0.01 to 20 mL in logarithmic steps, and 1 mL exactly.
std::vector<double> VolumeGridMl();
std::vector<VolumePoint> VolumeCurve(const std::vector<CaseLesions>& cases,
                                     const std::vector<double>& volumes_ml = VolumeGridMl());

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::FrocMethod> {
  static constexpr std::pair<sap::eval::FrocMethod, std::string_view> kNames[] = {
      {sap::eval::FrocMethod::kSweep, "sweep"}, {sap::eval::FrocMethod::kCandidate, "candidate"}};
};
template <>
struct sap::EnumNames<sap::eval::CurveEnd> {
  static constexpr std::pair<sap::eval::CurveEnd, std::string_view> kNames[] = {
      {sap::eval::CurveEnd::kHold, "hold"}, {sap::eval::CurveEnd::kStop, "stop"}};
};
template <>
struct sap::EnumNames<sap::eval::FrocAverage> {
  static constexpr std::pair<sap::eval::FrocAverage, std::string_view> kNames[] = {
      {sap::eval::FrocAverage::kPooled, "pooled"},
      {sap::eval::FrocAverage::kPerPatient, "per_patient"}};
};
