// SPDX-License-Identifier: Apache-2.0
// Tables, curves, figures and the HTML report of an evaluation (evaluation §6.1).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/config_node.h"
#include "sap/eval/compare.h"
#include "sap/eval/froc.h"

namespace sap::eval {

// Published values of Table 1: [median, low, high, q25, q75] by section, metric and method.
struct PublishedValues {
  std::string source;
  std::map<std::string, std::map<std::string, std::map<std::string, std::vector<double>>>> table1;
  const std::vector<double>* Find(const Metric& metric, const std::string& method) const;
};
// Throws kOption with file and line for a value that is no list of five numbers.
PublishedValues ReadPublishedValues(const ConfigNode& root);

enum class TableFormat { kMarkdown, kCsv, kLatex };
// Table 1: median [95 % interval] (quartiles) per method; CSV has every number in its own column.
std::string Table1(const Comparison& comparison, TableFormat format);
std::string TestsCsv(const Comparison& comparison);
nlohmann::json ComparisonJson(const Comparison& comparison);
// Reproduced, published, difference, and whether the value lies in the published interval.
// Empty when no method's name is published.
std::string PublishedMarkdown(const Comparison& comparison, const PublishedValues& published);

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

// File names with contents below figures/: for each figure a gnuplot script (name.gp, writes
// name.svg) and its data (name_*.csv).
std::map<std::string, std::string> FigureFiles(const Comparison& comparison,
                                               const std::vector<LesionSummary>& summaries,
                                               const std::vector<MethodCurves>& curves,
                                               const FrocOptions& options);

// A further table of the report, between its curves and its figures.
struct ReportSection {
  std::string title;
  std::string note;      // what the reader may and may not conclude; may be empty
  std::string markdown;  // one pipe table
};

// How much the open rules can matter: lesions and candidates of each method under each
// connectivity, and its match groups.
ReportSection AuditSection(const std::vector<std::string>& method_names,
                           const std::vector<LesionSummary>& summaries);

// One page without links to other files; `svg` are figures in order, title and picture.
std::string ReportHtml(const Comparison& comparison,
                       const std::vector<MethodCurves>& curves,
                       const FrocOptions& options,
                       const std::vector<ReportSection>& sections,
                       const nlohmann::json& rules,
                       const std::vector<std::pair<std::string, std::string>>& svg);

}  // namespace sap::eval
