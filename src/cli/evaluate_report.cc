// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_report.h"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "cli/evaluate_figures.h"
#include "cli/evaluate_gallery.h"
#include "cli/evaluate_preset.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/eval/published.h"
#include "sap/eval/report.h"

namespace sap::cli {
namespace {

using nlohmann::json;

// "field, but for connectivity, froc".
std::string PresetText(const EvaluateOptions& options) {
  const json rules = RulesJson(options);
  std::string text = EnumName(options.preset);
  for (const json& key : rules.at("changed")) {
    text += fmt::format(
        "{} {}", text.find(',') == std::string::npos ? ", but for" : ",", key.get<std::string>());
  }
  return text;
}

// Every published value beside this run's; also as published.md.
std::vector<eval::ReportSection> ComparePublished(const EvaluateOptions& options,
                                                  const eval::MethodResults& results) {
  const eval::PublishedValues published =
      eval::ReadPublishedValues(ParseConfigFile(*options.published_values));
  const auto& names = results.comparison.method_names;
  if (std::none_of(names.begin(), names.end(), [&](const std::string& name) {
        return published.HasMethod(name);
      })) {
    log::Warning("published_values: no method has a published name (baseline, ssl, sap)");
  }
  const eval::Reproductions reproduced =
      eval::ReproducedValues(results.comparison, results.summaries, results.curves, results.froc);
  WriteFileAtomically(fs::path(options.output_dir) / "published.md",
                      eval::PublishedMarkdown(published, reproduced));
  return eval::PublishedSections(published, reproduced);
}

void WriteTables(const fs::path& folder,
                 const eval::Comparison& comparison,
                 const std::vector<eval::MethodCurves>& curves) {
  using eval::TableFormat;
  WriteFileAtomically(folder / "table1.md", eval::Table1(comparison, TableFormat::kMarkdown));
  WriteFileAtomically(folder / "table1.csv", eval::Table1(comparison, TableFormat::kCsv));
  WriteFileAtomically(folder / "table1.tex", eval::Table1(comparison, TableFormat::kLatex));
  WriteFileAtomically(folder / "tests.csv", eval::TestsCsv(comparison));
  WriteFileAtomically(folder / "froc.csv", eval::FrocCsv(curves));
  WriteFileAtomically(folder / "volume_curve.csv", eval::VolumeCurveCsv(curves));
}

}  // namespace

void WriteComparison(const EvaluateOptions& options,
                     const std::vector<MethodPairs>& methods,
                     const eval::MethodResults& results,
                     std::vector<eval::ReportSection> sections,
                     const json& summary) {
  const fs::path folder = options.output_dir;
  WriteTables(folder, results.comparison, results.curves);
  std::vector<eval::ReportSection> lesions = eval::LesionSections(results);
  sections.insert(sections.begin(),
                  std::make_move_iterator(lesions.begin()),
                  std::make_move_iterator(lesions.end()));
  if (options.figures) {
    DrawFigures(folder / "figures", sections);
    sections.push_back(DrawGallery(options, methods, results.summaries, folder / "figures"));
  }
  if (options.published_values) {
    for (eval::ReportSection& section : ComparePublished(options, results)) {
      sections.push_back(std::move(section));
    }
  }
  EraseEmpty(sections);
  eval::ReportHead head = eval::LesionReportHead(results);
  head.facts.emplace_back("Preset", PresetText(options));
  json rules = summary;
  rules.erase("metric_per_case");
  WriteFileAtomically(folder / "report.html", eval::ReportHtml(head, sections, rules));
}

void WriteSkeletonPage(const EvaluateOptions& options,
                       const eval::SkeletonSummary& summary,
                       const json& record) {
  eval::ReportHead head{
      .title = "Skeleton evaluation",
      .facts = {{"Scans", fmt::format("{}", summary.cases.size())},
                {"Majority vote", options.skeleton_majority_vote ? "on" : "off"},
                {"A region that only the prediction has", EnumName(options.absent_class)}},
      .notes = {"Scans of one subject are not independent: the number of subjects limits what can "
                "be said.",
                "Large bones dominate the merged Dice; it says little of the small ones."}};
  std::vector<eval::ReportSection> sections = {
      {.title = "Dice by region", .markdown = eval::SummaryMarkdown(summary)}};
  if (options.published_values) {
    const eval::PublishedValues published =
        eval::ReadPublishedValues(ParseConfigFile(*options.published_values));
    for (eval::ReportSection& section : eval::PublishedSections(
             published, eval::ReproducedValues(summary), eval::PublishedTables::kTouched)) {
      sections.push_back(std::move(section));
    }
  }
  WriteFileAtomically(fs::path(options.output_dir) / "report.html",
                      eval::ReportHtml(head, sections, record));
}

}  // namespace sap::cli
