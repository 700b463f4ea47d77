// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {
namespace {

using nlohmann::json;

void AddRows(Table& table, const std::string& method, const char* lesions, const FrocCurve& curve) {
  for (const FrocPoint& point : curve.points) {
    table.AddRow(
        {method, lesions, Cell(point.threshold), Cell(point.fp_per_exam), Cell(point.sensitivity)});
  }
}

json CurveJson(const FrocCurve& curve, double limit_fp, CurveEnd end) {
  return {{"area", Number(FrocArea(curve, limit_fp, end))},
          {"limit_fp_per_exam", limit_fp},
          {"last_fp_per_exam", curve.points.back().fp_per_exam},
          {"last_sensitivity", Number(curve.points.back().sensitivity)},
          {"cut_threshold", Number(curve.cut_threshold)},
          {"num_lesions", curve.num_lesions},
          {"num_exams", curve.num_exams},
          {"mean_sensitivity_1_8_to_8_fp", Number(MeanSensitivity(curve))}};
}

}  // namespace

MethodCurves CurvesOf(const std::string& name,
                      const LesionSummary& summary,
                      const FrocOptions& options) {
  MethodCurves curves{.name = name, .volume = VolumeCurve(summary.cases)};
  if (options.method == FrocMethod::kSweep && !summary.sweeps.empty()) {
    curves.all = SweepFroc(summary.sweeps, LesionSize::kAll, options.limit_all_fp);
    curves.large = SweepFroc(summary.sweeps, LesionSize::kLarge, options.limit_large_fp);
  } else {
    curves.all = CandidateFroc(summary.cases, LesionSize::kAll);
    curves.large = CandidateFroc(summary.cases, LesionSize::kLarge);
  }
  return curves;
}

std::string FrocCsv(const std::vector<MethodCurves>& curves) {
  Table table({"method", "lesions", "threshold", "fp_per_exam", "sensitivity"});
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
  return {{"construction", EnumName(options.method)},
          {"end", EnumName(options.end)},
          {"all", CurveJson(curves.all, options.limit_all_fp, options.end)},
          {"large", CurveJson(curves.large, options.limit_large_fp, options.end)}};
}

}  // namespace sap::eval
