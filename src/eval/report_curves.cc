// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <numeric>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {
namespace {

using nlohmann::json;

void AddRows(Table& table, const std::string& method, const char* lesions, const FrocCurve& curve) {
  for (const FrocPoint& point : curve.points) {
    table.AddRow({method,
                  lesions,
                  Cell(point.threshold),
                  Cell(point.fp_per_exam),
                  Cell(point.sensitivity),
                  Cell(point.band.low),
                  Cell(point.band.high)});
  }
}

json IntervalJson(const Interval& interval) {
  return {Number(interval.low), Number(interval.high)};
}

json CurveJson(const FrocCurve& curve,
               const FrocIntervals& intervals,
               double limit_fp,
               const FrocOptions& options) {
  json at_fp = json::array();
  for (std::size_t k = 0; k < kReportedFp.size(); ++k) {
    at_fp.push_back({{"fp_per_exam", kReportedFp[k]},
                     {"sensitivity", Number(SensitivityAt(curve, kReportedFp[k]))},
                     {"ci95", IntervalJson(intervals.at_reported_fp[k])}});
  }
  return {{"area", Number(FrocArea(curve, limit_fp, options.end))},
          {"area_ci95", IntervalJson(intervals.area)},
          {"limit_fp_per_exam", limit_fp},
          {"last_fp_per_exam", curve.points.back().fp_per_exam},
          {"last_sensitivity", Number(curve.points.back().sensitivity)},
          {"cut_threshold", Number(curve.cut_threshold)},
          {"num_lesions", curve.num_lesions},
          {"num_exams", curve.num_exams},
          {"sensitivity_at_fp", at_fp},
          {"mean_sensitivity_1_8_to_8_fp", Number(MeanSensitivity(curve))},
          {"mean_sensitivity_ci95", IntervalJson(intervals.mean_sensitivity)}};
}

// Curves of a choice of exams, by index; the exams are prepared once.
std::function<FrocCurve(const std::vector<int64_t>&)> CurveOfExams(const LesionSummary& summary,
                                                                   LesionSize size,
                                                                   double limit_fp,
                                                                   const FrocOptions& options) {
  const auto choose = [](const auto& all, const std::vector<int64_t>& exams) {
    std::decay_t<decltype(all)> chosen;
    for (const int64_t i : exams) chosen.push_back(all[static_cast<std::size_t>(i)]);
    return chosen;
  };
  if (options.method == FrocMethod::kSweep && !summary.sweeps.empty()) {
    return [&summary, size, limit_fp, choose, average = options.average](const auto& exams) {
      return SweepFroc(choose(summary.sweeps, exams), size, limit_fp, average);
    };
  }
  return [scores = ScoresOfExams(summary.cases, size), choose, average = options.average](
             const auto& exams) { return FrocFromScores(choose(scores, exams), average); };
}

}  // namespace

MethodCurves CurvesOf(const std::string& name,
                      const LesionSummary& summary,
                      const FrocOptions& options,
                      uint64_t seed) {
  MethodCurves curves{.name = name, .volume = VolumeCurve(summary.cases)};
  std::vector<int64_t> every_exam(summary.cases.size());
  std::iota(every_exam.begin(), every_exam.end(), 0);
  // Apart from the resamples of Table 1, which count from 1.
  const BootstrapOptions bootstrap{
      .resamples = options.band_resamples, .seed = seed, .sample = uint64_t{1} << 32};
  const auto draw = [&](LesionSize size, double limit_fp, FrocIntervals& intervals) {
    const auto curve_of = CurveOfExams(summary, size, limit_fp, options);
    FrocCurve curve = curve_of(every_exam);
    intervals = ResampleFroc(curve_of, limit_fp, options.end, bootstrap, curve);
    return curve;
  };
  curves.all = draw(LesionSize::kAll, options.limit_all_fp, curves.all_intervals);
  curves.large = draw(LesionSize::kLarge, options.limit_large_fp, curves.large_intervals);
  return curves;
}

std::string FrocCsv(const std::vector<MethodCurves>& curves) {
  Table table({"method",
               "lesions",
               "threshold",
               "fp_per_exam",
               "sensitivity",
               "sensitivity_low",
               "sensitivity_high"});
  for (const MethodCurves& one : curves) {
    AddRows(table, one.name, "all", one.all);
    AddRows(table, one.name, "large", one.large);
  }
  return table.Csv();
}

std::string VolumeCurveCsv(const std::vector<MethodCurves>& curves) {
  Table table(
      {"method", "volume_ml", "num_lesions", "share_of_lesions", "sensitivity", "fp_per_exam"});
  for (const MethodCurves& one : curves) {
    for (const VolumePoint& point : one.volume) {
      table.AddRow({one.name,
                    Cell(point.volume_ml),
                    fmt::format("{}", point.num_lesions),
                    Cell(point.share_of_lesions),
                    Cell(point.sensitivity),
                    Cell(point.fp_per_exam)});
    }
  }
  return table.Csv();
}

json CurvesJson(const MethodCurves& curves, const FrocOptions& options) {
  return {
      {"construction", EnumName(options.method)},
      {"end", EnumName(options.end)},
      {"average", EnumName(options.average)},
      {"band_resamples", options.band_resamples},
      {"all", CurveJson(curves.all, curves.all_intervals, options.limit_all_fp, options)},
      {"large", CurveJson(curves.large, curves.large_intervals, options.limit_large_fp, options)}};
}

}  // namespace sap::eval
