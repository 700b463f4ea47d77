// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report_sections.h"

#include <cmath>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/published.h"

namespace sap::eval {
namespace {

std::string TestsTable(const Comparison& comparison) {
  Table table({"metric",
               "pair",
               "test",
               "n",
               "p",
               "p (Bonferroni)",
               "p (Holm)",
               "",
               "difference, 95 % interval"});
  for (const MetricComparison& row : comparison.metrics) {
    for (const PairTest& t : row.tests) {
      table.AddRow({row.metric.title,
                    comparison.method_names[t.first] + " / " + comparison.method_names[t.second],
                    (t.name == "wilcoxon" ? "Wilcoxon, " : "Mann-Whitney, ") + t.test.method,
                    t.n_first == t.n_second ? fmt::format("{}", t.n_first)
                                            : fmt::format("{}, {}", t.n_first, t.n_second),
                    std::isnan(t.test.p) ? "-" : fmt::format("{:.3g}", t.test.p),
                    std::isnan(t.adjusted_p) ? "-" : fmt::format("{:.3g}", t.adjusted_p),
                    std::isnan(t.holm_p) ? "-" : fmt::format("{:.3g}", t.holm_p),
                    std::isnan(t.adjusted_p) ? "" : Stars(t.adjusted_p),
                    ShortCell(t.difference.low) + " to " + ShortCell(t.difference.high)});
    }
  }
  return table.NumRows() == 0 ? "" : table.Markdown();
}

std::string WithInterval(double value, const Interval& interval) {
  if (!std::isfinite(interval.low)) return ShortCell(value);
  return fmt::format("{} [{}]", ShortCell(value), RangeText(interval.low, interval.high));
}

std::string FrocTable(const MethodResults& results) {
  const FrocOptions& o = results.froc;
  Table table({"method",
               fmt::format("area, all, to {:g} FP", o.limit_all_fp),
               fmt::format("area, large, to {:g} FP", o.limit_large_fp),
               "mean sensitivity, 1/8 to 8 FP",
               "last point: FP per exam",
               "sensitivity"});
  for (const MethodCurves& one : results.curves) {
    const FrocPoint& last = one.all.points.back();
    table.AddRow(
        {one.name,
         WithInterval(FrocArea(one.all, o.limit_all_fp, o.end), one.all_intervals.area),
         WithInterval(FrocArea(one.large, o.limit_large_fp, o.end), one.large_intervals.area),
         WithInterval(MeanSensitivity(one.all), one.all_intervals.mean_sensitivity),
         ShortCell(last.fp_per_exam),
         ShortCell(last.sensitivity)});
  }
  return table.Markdown();
}

// At the operating threshold, over all exams together: what Fig. 6 shows at 1 mL.
std::string PooledTable(const MethodResults& results) {
  Table table(
      {"method", "lesions", "number", "detected", "sensitivity", "FP per exam", "precision"});
  for (std::size_t m = 0; m < results.summaries.size(); ++m) {
    const LesionSummary& summary = results.summaries[m];
    const auto row = [&](const std::string& lesions, const DetectionCounts& c) {
      table.AddRow({results.comparison.method_names[m],
                    lesions,
                    fmt::format("{}", c.lesions),
                    fmt::format("{}", c.detected),
                    ShortCell(c.Sensitivity()),
                    ShortCell(static_cast<double>(c.false_positives) /
                              static_cast<double>(summary.cases.size())),
                    ShortCell(c.Precision())});
    };
    row("all", summary.pooled_all);
    row(fmt::format("of at least {:g} mL", summary.options.large_ml), summary.pooled_large);
  }
  return table.Markdown();
}

std::string VolumeTable(const Comparison& comparison) {
  Table table({"method",
               "ICC(2,1)",
               "95 % interval",
               "Altman's scale",
               "ICC(C,1)",
               "bias [mL]",
               "limits of agreement [mL]"});
  for (std::size_t m = 0; m < comparison.method_names.size(); ++m) {
    const IccResult& icc = comparison.volume_icc[m];
    const BlandAltman& ba = comparison.volume_difference[m];
    table.AddRow({comparison.method_names[m],
                  ShortCell(icc.icc),
                  std::isnan(icc.low) ? "-" : ShortCell(icc.low) + " to " + ShortCell(icc.high),
                  AltmanWord(icc.icc),
                  ShortCell(icc.icc_consistency),
                  ShortCell(ba.bias),
                  ShortCell(ba.low) + " to " + ShortCell(ba.high)});
  }
  return table.Markdown();
}

ReportSection FrocSection(const MethodResults& results) {
  return {
      .title = "FROC",
      .note = fmt::format(
          "Pooled over exams; {}. The areas are not normalised: {:g} and {:g} are the largest "
          "possible. Beyond its last point a curve {}.",
          results.froc.method == FrocMethod::kSweep
              ? "components anew at each threshold"
              : "components at the operating threshold, ranked by score",
          results.froc.limit_all_fp,
          results.froc.limit_large_fp,
          results.froc.end == CurveEnd::kHold ? "holds" : "ends"),
      .markdown = FrocTable(results),
      .figures = {FrocFigure(results.curves, results.froc, results.summaries[0].options.large_ml)}};
}

ReportSection ThresholdSection(const MethodResults& results) {
  ReportSection section{.title = "Threshold and scores"};
  if (auto figure = ThresholdFigure(results.comparison.method_names, results.tunings)) {
    section.note = "A flat or jagged objective means that few tuning exams chose the threshold.";
    section.figures.push_back(*std::move(figure));
  }
  section.figures.push_back(ScoreFigure(results.comparison.method_names, results.summaries));
  return section;
}

}  // namespace

std::vector<ReportSection> LesionSections(const MethodResults& results) {
  const Comparison& comparison = results.comparison;
  std::vector<ReportSection> sections;
  sections.push_back({.title = "Results",
                      .note = "Median [95 % bootstrap interval] (quartiles); one value per exam, "
                              "for Dice and NSD of detected lesions one per lesion.",
                      .markdown = Table1(comparison, TableFormat::kMarkdown)});
  sections.push_back(
      {.title = "Distributions",
       .note = results.summaries.size() > 1
                   ? "Boxes: quartiles; line: median; whiskers: within 1.5 times the box. Stars: "
                     "Bonferroni's p below 0.05, 0.01, 0.001."
                   : "Boxes: quartiles; line: median; whiskers: within 1.5 times the box.",
       .figures = BoxFigures(comparison, results.summaries)});
  if (std::string tests = TestsTable(comparison); !tests.empty()) {
    sections.push_back(
        {.title = "Tests between methods",
         .note = "Wilcoxon's signed-rank test on exams where both methods have a value; "
                 "Mann-Whitney's U on detected lesions. The interval is that of the difference of "
                 "the medians, first minus second, over resampled patients.",
         .markdown = std::move(tests)});
  }
  sections.push_back(FrocSection(results));
  sections.push_back({.title = "Detection by lesion volume",
                      .note = "Pooled over exams at the operating threshold.",
                      .markdown = PooledTable(results),
                      .figures = {VolumeFigure(results.curves, results.summaries[0])}});
  sections.push_back({.title = "Total lesion volume",
                      .note = "Predicted against reference volume of each exam, false positives "
                              "included. ICC(C,1) far above ICC(2,1): a systematic difference.",
                      .markdown = VolumeTable(comparison),
                      .figures = AgreementFigures(comparison, results.summaries)});
  sections.push_back(ThresholdSection(results));
  std::erase_if(sections, [](const ReportSection& section) {
    return section.markdown.empty() && section.figures.empty();
  });
  return sections;
}

}  // namespace sap::eval
