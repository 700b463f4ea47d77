// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/froc.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "sap/core/error.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? kNaN : static_cast<double>(part) / static_cast<double>(whole);
}

struct SweepStep {
  DetectionCounts pooled;
  double sensitivity = 0;  // by the rule of averaging
};

std::vector<SweepStep> Pool(const std::vector<std::vector<ThresholdCounts>>& cases,
                            LesionSize size,
                            FrocAverage average) {
  std::vector<SweepStep> steps(cases[0].size());
  int64_t num_patients = 0;  // with a lesion
  for (const auto& one : cases) {
    SAP_CHECK(one.size() == steps.size(), "{} thresholds, {} expected", one.size(), steps.size());
    const auto counts_at = [&](std::size_t t) -> const DetectionCounts& {
      return size == LesionSize::kAll ? one[t].all : one[t].large;
    };
    num_patients += counts_at(0).lesions > 0 ? 1 : 0;
    for (std::size_t t = 0; t < one.size(); ++t) {
      steps[t].pooled += counts_at(t);
      if (counts_at(t).lesions > 0) steps[t].sensitivity += counts_at(t).Sensitivity();
    }
  }
  for (SweepStep& step : steps) {
    step.sensitivity = average == FrocAverage::kPooled
                           ? step.pooled.Sensitivity()
                           : step.sensitivity / static_cast<double>(num_patients);
  }
  return steps;
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
                    double limit_fp,
                    FrocAverage average) {
  SAP_CHECK(!cases.empty());
  const std::vector<SweepStep> steps = Pool(cases, size, average);
  FrocCurve curve{
      .points = {{}}, .num_lesions = steps[0].pooled.lesions, .num_exams = std::ssize(cases)};
  int64_t most = 0;
  for (const SweepStep& step : steps) most = std::max(most, step.pooled.false_positives);
  for (std::size_t t = steps.size(); t-- > 0;) {
    const int64_t false_positives = steps[t].pooled.false_positives;
    const double fp = Share(false_positives, curve.num_exams);
    const FrocPoint point{fp, steps[t].sensitivity, cases[0][t].threshold};
    FrocPoint& last = curve.points.back();
    const bool is_origin = curve.points.size() == 1;
    if (fp > last.fp_per_exam || (is_origin && point.sensitivity > 0)) {
      curve.points.push_back(point);
    } else if (fp == last.fp_per_exam && point.sensitivity >= last.sensitivity && !is_origin) {
      last = point;
    }
    // Without any false positive there is no maximum to stop at: the curve is its vertical step.
    if ((most > 0 && false_positives == most) || fp > limit_fp) {
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

std::vector<ExamScores> ScoresOfExams(const std::vector<CaseLesions>& cases, LesionSize size) {
  std::vector<ExamScores> exams;
  for (const CaseLesions& one : cases) {
    ExamScores scores;
    for (const ReferenceLesion& lesion : one.match.lesions) {
      if (lesion.ignored || (size == LesionSize::kLarge && !lesion.large)) continue;
      double score = -kInfinity;
      for (const int64_t c : lesion.candidates) {
        score = std::max(score, one.match.candidates[static_cast<std::size_t>(c)].score);
      }
      scores.lesions.push_back(score);
    }
    for (const Candidate& candidate : one.match.candidates) {
      const bool counts =
          size == LesionSize::kAll ? candidate.false_positive : candidate.large_false_positive;
      if (counts) scores.false_positives.push_back(candidate.score);
    }
    exams.push_back(std::move(scores));
  }
  return exams;
}

FrocCurve FrocFromScores(const std::vector<ExamScores>& exams, FrocAverage average) {
  std::vector<double> lesion_scores;
  std::vector<double> fp_scores;
  std::map<double, double> share_at;  // per patient: summed shares of lesions with that score
  double num_patients = 0;
  for (const ExamScores& exam : exams) {
    lesion_scores.insert(lesion_scores.end(), exam.lesions.begin(), exam.lesions.end());
    fp_scores.insert(fp_scores.end(), exam.false_positives.begin(), exam.false_positives.end());
    num_patients += exam.lesions.empty() ? 0 : 1;
    if (average == FrocAverage::kPooled) continue;
    for (const double score : exam.lesions) {
      share_at[score] += 1.0 / static_cast<double>(exam.lesions.size());
    }
  }
  FrocCurve curve =
      FrocFromScores(std::move(lesion_scores), std::move(fp_scores), std::ssize(exams));
  if (average == FrocAverage::kPooled) return curve;
  double share = 0;
  auto next = share_at.rbegin();
  for (FrocPoint& point : curve.points) {
    for (; next != share_at.rend() && next->first >= point.threshold; ++next) share += next->second;
    point.sensitivity = num_patients > 0 ? share / num_patients : 0.0;
  }
  return curve;
}

FrocCurve CandidateFroc(const std::vector<CaseLesions>& cases,
                        LesionSize size,
                        FrocAverage average) {
  return FrocFromScores(ScoresOfExams(cases, size), average);
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
  const auto after = std::upper_bound(
      curve.points.begin(), curve.points.end(), fp_per_exam, [](double fp, const FrocPoint& point) {
        return fp < point.fp_per_exam;
      });
  const FrocPoint& before = *std::prev(after);  // the origin at least
  return after == curve.points.end() ? before.sensitivity
                                     : Interpolate(before, *after, fp_per_exam);
}

double MeanSensitivity(const FrocCurve& curve) {
  double sum = 0;
  for (const double fp : kReportedFp) sum += SensitivityAt(curve, fp);
  return sum / static_cast<double>(kReportedFp.size());
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
