// SPDX-License-Identifier: Apache-2.0
// Tables and curves of several methods (evaluation §6.1).
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/eval/compare.h"
#include "sap/eval/froc.h"
#include "sap/eval/report_html.h"

namespace sap::eval {

enum class TableFormat { kMarkdown, kCsv, kLatex };
// Table 1: median [95 % interval] (quartiles) per method; CSV has every number in its own column.
std::string Table1(const Comparison& comparison, TableFormat format);
std::string TestsCsv(const Comparison& comparison);
nlohmann::json ComparisonJson(const Comparison& comparison);

struct MethodCurves {
  std::string name;
  FrocCurve all;
  FrocCurve large;
  std::vector<VolumePoint> volume;
  FrocIntervals all_intervals;
  FrocIntervals large_intervals;
};
struct FrocOptions {
  FrocMethod method = FrocMethod::kSweep;
  CurveEnd end = CurveEnd::kHold;
  double limit_all_fp = 15.0;
  double limit_large_fp = 4.0;
  FrocAverage average = FrocAverage::kPooled;
  int64_t band_resamples = 1000;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("froc", method).Help("components anew at each threshold, or fixed and ranked by score");
    v.Field("froc_end", end).Help("beyond its last point a curve holds, or its area stops");
    v.Field("froc_limit_fp", limit_all_fp)
        .Help("area up to this many false positives per exam")
        .AtLeast(0.1);
    v.Field("froc_large_limit_fp", limit_large_fp).Help("the same for large lesions").AtLeast(0.1);
    v.Field("froc_average", average)
        .Help("sensitivity over all lesions, or the mean of the patients' sensitivities");
    v.Field("froc_band_resamples", band_resamples)
        .Help("resamples of patients for the 95 % band and intervals of a curve; 0 = none")
        .Range(0, 1000000);
  }
};
// The sweep when the summary has one (any_overlap), else the ranking of candidates. `seed` is that
// of the bands: methods on the same exams draw the same patients.
MethodCurves CurvesOf(const std::string& name,
                      const LesionSummary& summary,
                      const FrocOptions& options,
                      uint64_t seed = 0);
std::string FrocCsv(const std::vector<MethodCurves>& curves);
std::string VolumeCurveCsv(const std::vector<MethodCurves>& curves);
nlohmann::json CurvesJson(const MethodCurves& curves, const FrocOptions& options);

// How much the open rules can matter: lesions and candidates of each method under each
// connectivity, and its match groups.
ReportSection AuditSection(const std::vector<std::string>& method_names,
                           const std::vector<LesionSummary>& summaries);

}  // namespace sap::eval
