// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_report.h"

#include <nlohmann/json.hpp>

#include "cli/evaluate_figures.h"
#include "sap/core/files.h"
#include "sap/core/log.h"

namespace sap::cli {

using nlohmann::json;

void WriteComparison(const EvaluateOptions& options,
                     const eval::Comparison& comparison,
                     const std::vector<eval::LesionSummary>& summaries,
                     const std::vector<eval::MethodCurves>& curves,
                     const json& summary) {
  const fs::path folder = options.output_dir;
  using eval::TableFormat;
  WriteFileAtomically(folder / "table1.md", eval::Table1(comparison, TableFormat::kMarkdown));
  WriteFileAtomically(folder / "table1.csv", eval::Table1(comparison, TableFormat::kCsv));
  WriteFileAtomically(folder / "table1.tex", eval::Table1(comparison, TableFormat::kLatex));
  WriteFileAtomically(folder / "tests.csv", eval::TestsCsv(comparison));
  WriteFileAtomically(folder / "froc.csv", eval::FrocCsv(curves));
  WriteFileAtomically(folder / "volume_curve.csv", eval::VolumeCurveCsv(curves));
  std::vector<eval::ReportSection> sections;
  if (options.published_values) {
    const std::string published = eval::PublishedMarkdown(
        comparison, eval::ReadPublishedValues(ParseConfigFile(*options.published_values)));
    if (published.empty()) {
      log::Warning("published_values: no method has a published name (baseline, ssl, sap)");
    } else {
      WriteFileAtomically(folder / "published.md", published);
      sections.push_back({.title = "Published values", .markdown = published});
    }
  }
  std::vector<std::pair<std::string, std::string>> pictures;
  if (options.figures) {
    pictures = DrawFigures(folder / "figures",
                           eval::FigureFiles(comparison, summaries, curves, options.froc));
  }
  json rules = summary;
  rules.erase("metric_per_case");
  WriteFileAtomically(
      folder / "report.html",
      eval::ReportHtml(comparison, curves, options.froc, sections, rules, pictures));
}

}  // namespace sap::cli
