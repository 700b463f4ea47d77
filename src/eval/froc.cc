// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/froc.h"

#include <algorithm>
#include <cmath>

#include "sap/core/error.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? kNaN : static_cast<double>(part) / static_cast<double>(whole);
}

// Pooled counts at each threshold.
std::vector<DetectionCounts> Pool(const std::vector<std::vector<ThresholdCounts>>& cases,
                                  LesionSize size) {
  std::vector<DetectionCounts> pooled(cases[0].size());
  for (const auto& one : cases) {
    SAP_CHECK(one.size() == pooled.size(), "{} thresholds, {} expected", one.size(), pooled.size());
    for (std::size_t t = 0; t < one.size(); ++t) {
      pooled[t] += size == LesionSize::kAll ? one[t].all : one[t].large;
    }
  }
  return pooled;
}

double Interpolate(const FrocPoint& a, const FrocPoint& b, double fp) {
  const double part = (fp - a.fp_per_exam) / (b.fp_per_exam - a.fp_per_exam);
  return a.sensitivity + part * (b.sensitivity - a.sensitivity);
}

struct Hit {
  double score;
  bool is_lesion;
};

std::vector<Hit> SortedHits(const std::vector<double>& lesion_scores,
                            const std::vector<double>& fp_scores) {
  std::vector<Hit> hits;
  for (const double score : lesion_scores) {
    if (score > -kInfinity) hits.push_back({score, true});
  }
  for (const double score : fp_scores) hits.push_back({score, false});
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  return hits;
}

// visit(lesions so far, false positives so far, score) at each distinct score, falling.
template <typename Visit>
void VisitScores(const std::vector<Hit>& hits, const Visit& visit) {
  int64_t lesions = 0;
  int64_t false_positives = 0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    ++(hits[i].is_lesion ? lesions : false_positives);
    const bool last_of_score = i + 1 == hits.size() || hits[i + 1].score != hits[i].score;
    if (last_of_score) visit(lesions, false_positives, hits[i].score);
  }
}

}  // namespace

FrocCurve SweepFroc(const std::vector<std::vector<ThresholdCounts>>& cases,
                    LesionSize size,
                    double limit_fp) {
  SAP_CHECK(!cases.empty());
  const std::vector<DetectionCounts> pooled = Pool(cases, size);
  FrocCurve curve{.points = {{}}, .num_lesions = pooled[0].lesions, .num_exams = std::ssize(cases)};
  int64_t most = 0;
  for (const DetectionCounts& counts : pooled) most = std::max(most, counts.false_positives);
  for (std::size_t t = pooled.size(); t-- > 0;) {
    const double fp = Share(pooled[t].false_positives, curve.num_exams);
    const FrocPoint point{fp, pooled[t].Sensitivity(), cases[0][t].threshold};
    FrocPoint& last = curve.points.back();
    const bool is_origin = curve.points.size() == 1;
    if (fp > last.fp_per_exam || (is_origin && point.sensitivity > 0)) {
      curve.points.push_back(point);
    } else if (fp == last.fp_per_exam && point.sensitivity >= last.sensitivity && !is_origin) {
      last = point;
    }
    // Without any false positive there is no maximum to stop at: the curve is its vertical step.
    if ((most > 0 && pooled[t].false_positives == most) || fp > limit_fp) {
      curve.cut_threshold = point.threshold;
      break;
    }
  }
  return curve;
}

FrocCurve FrocFromScores(std::vector<double> lesion_scores,
                         std::vector<double> fp_scores,
                         int64_t num_exams) {
  FrocCurve curve{.points = {{}}, .num_lesions = std::ssize(lesion_scores), .num_exams = num_exams};
  VisitScores(
      SortedHits(lesion_scores, fp_scores),
      [&](int64_t lesions, int64_t false_positives, double score) {
        curve.points.push_back({Share(false_positives, num_exams),
                                curve.num_lesions > 0 ? Share(lesions, curve.num_lesions) : 0.0,
                                score});
      });
  return curve;
}

FrocCurve CandidateFroc(const std::vector<CaseLesions>& cases, LesionSize size) {
  std::vector<double> lesion_scores;
  std::vector<double> fp_scores;
  for (const CaseLesions& one : cases) {
    for (const ReferenceLesion& lesion : one.match.lesions) {
      if (lesion.ignored || (size == LesionSize::kLarge && !lesion.large)) continue;
      double score = -kInfinity;
      for (const int64_t c : lesion.candidates) {
        score = std::max(score, one.match.candidates[static_cast<std::size_t>(c)].score);
      }
      lesion_scores.push_back(score);
    }
    for (const Candidate& candidate : one.match.candidates) {
      const bool counts =
          size == LesionSize::kAll ? candidate.false_positive : candidate.large_false_positive;
      if (counts) fp_scores.push_back(candidate.score);
    }
  }
  return FrocFromScores(std::move(lesion_scores), std::move(fp_scores), std::ssize(cases));
}

double FrocArea(const FrocCurve& curve, double limit_fp, CurveEnd end) {
  if (curve.num_lesions == 0) return kNaN;
  double area = 0;
  for (std::size_t i = 0; i + 1 < curve.points.size(); ++i) {
    const FrocPoint& a = curve.points[i];
    const FrocPoint& b = curve.points[i + 1];
    if (a.fp_per_exam >= limit_fp) return area;
    const bool passes = b.fp_per_exam > limit_fp;
    const double to_fp = passes ? limit_fp : b.fp_per_exam;
    const double to_sensitivity = passes ? Interpolate(a, b, limit_fp) : b.sensitivity;
    area += 0.5 * (to_fp - a.fp_per_exam) * (a.sensitivity + to_sensitivity);
  }
  const FrocPoint& last = curve.points.back();
  if (end == CurveEnd::kHold && last.fp_per_exam < limit_fp) {
    area += (limit_fp - last.fp_per_exam) * last.sensitivity;
  }
  return area;
}

double SensitivityAt(const FrocCurve& curve, double fp_per_exam) {
  if (curve.num_lesions == 0) return kNaN;
  double sensitivity = 0;
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    if (curve.points[i].fp_per_exam <= fp_per_exam) {
      sensitivity = curve.points[i].sensitivity;
    } else {
      return Interpolate(curve.points[i - 1], curve.points[i], fp_per_exam);
    }
  }
  return sensitivity;
}

double MeanSensitivity(const FrocCurve& curve) {
  double sum = 0;
  for (const double fp : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) sum += SensitivityAt(curve, fp);
  return sum / 7;
}

double AveragePrecision(const std::vector<double>& lesion_scores,
                        const std::vector<double>& fp_scores) {
  if (lesion_scores.empty()) return kNaN;
  double area = 0;
  int64_t before = 0;
  VisitScores(SortedHits(lesion_scores, fp_scores),
              [&](int64_t lesions, int64_t false_positives, double) {
                const double recall_step = Share(lesions - before, std::ssize(lesion_scores));
                area += recall_step * Share(lesions, lesions + false_positives);
                before = lesions;
              });
  return area;
}

double Auroc(const std::vector<double>& positive, const std::vector<double>& negative) {
  if (positive.empty() || negative.empty()) return kNaN;
  const auto pairs = static_cast<double>(positive.size()) * static_cast<double>(negative.size());
  return MannWhitneyU(positive, negative, MannWhitneyRule::kAsymptotic).statistic / pairs;
}

std::vector<double> VolumeGridMl() {
  constexpr int kSteps = 60;
  std::vector<double> grid_ml = {1.0};
  for (int i = 0; i <= kSteps; ++i) grid_ml.push_back(0.01 * std::pow(2000.0, i / 60.0));
  std::sort(grid_ml.begin(), grid_ml.end());
  return grid_ml;
}

std::vector<VolumePoint> VolumeCurve(const std::vector<CaseLesions>& cases,
                                     const std::vector<double>& volumes_ml) {
  constexpr double kSlack = 1e-6;  // as everywhere a volume is compared: 1000 voxels are 1 mL
  std::vector<VolumePoint> curve;
  for (const double volume_ml : volumes_ml) {
    const auto is_large = [&](double ml) { return ml >= volume_ml * (1 - kSlack); };
    int64_t all = 0;
    int64_t detected = 0;
    int64_t false_positives = 0;
    VolumePoint point{.volume_ml = volume_ml};
    for (const CaseLesions& one : cases) {
      for (const ReferenceLesion& lesion : one.match.lesions) {
        if (lesion.ignored) continue;
        ++all;
        if (!is_large(lesion.volume_ml)) continue;
        ++point.num_lesions;
        detected += lesion.detected() ? 1 : 0;
      }
      for (const Candidate& candidate : one.match.candidates) {
        false_positives += candidate.false_positive && is_large(candidate.volume_ml) ? 1 : 0;
      }
    }
    point.sensitivity = Share(detected, point.num_lesions);
    point.fp_per_exam = Share(false_positives, std::ssize(cases));
    point.share_of_lesions = Share(point.num_lesions, all);
    curve.push_back(point);
  }
  return curve;
}

}  // namespace sap::eval
