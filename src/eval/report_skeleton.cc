// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/eval/report.h"

namespace sap::eval {
namespace {

using nlohmann::json;

// Labels in the order of a report: every class, then the merged foreground (label 0).
std::vector<std::pair<std::size_t, std::string>> Rows(const SkeletonSummary& summary) {
  std::vector<std::pair<std::size_t, std::string>> rows;
  for (std::size_t k = 1; k < summary.class_names.size(); ++k) {
    rows.emplace_back(k, summary.class_names[k]);
  }
  rows.emplace_back(0, "merged");
  return rows;
}

}  // namespace

std::string CasesCsv(const SkeletonSummary& summary) {
  std::vector<std::string> header = {"case"};
  for (const auto& [label, name] : Rows(summary)) header.push_back("dice_" + name);
  Table table(header);
  for (std::size_t i = 0; i < summary.cases.size(); ++i) {
    std::vector<std::string> row = {summary.cases[i].id};
    for (const auto& [label, name] : Rows(summary)) {
      row.push_back(Cell(summary.DiceOfClass(label)[i]));
    }
    table.AddRow(std::move(row));
  }
  return table.Csv();
}

json SummaryJson(const SkeletonSummary& summary) {
  json summary_json;
  json& per_case = summary_json["metric_per_case"] = json::array();
  for (const CaseSkeleton& scan : summary.cases) {
    json metrics;
    for (std::size_t k = 1; k < scan.classes.size(); ++k) {
      metrics[fmt::format("{}", k)] = OverlapJson(scan.classes[k], scan.dice[k]);
    }
    per_case.push_back({{"case", scan.id}, {"metrics", metrics}});
  }
  std::vector<double> class_means;
  for (const auto& [label, name] : Rows(summary)) {
    const Distribution d = Summarize(summary.DiceOfClass(label));
    summary_json["skeleton"][name] = DistributionJson(d);
    if (label == 0) continue;
    summary_json["mean"][fmt::format("{}", label)]["Dice"] = Number(d.mean);
    class_means.push_back(d.mean);
  }
  summary_json["foreground_mean"]["Dice"] = Number(Summarize(class_means).mean);
  return summary_json;
}

std::string SummaryMarkdown(const SkeletonSummary& summary) {
  Table table({"Dice of", "median [quartiles]", "mean", "n", "excluded"});
  for (const auto& [label, name] : Rows(summary)) {
    table.AddRow(DistributionCells(name, Summarize(summary.DiceOfClass(label))));
  }
  return fmt::format(
      "One value per scan ({} scans).\n\n{}", summary.cases.size(), table.Markdown());
}

void WriteReport(const fs::path& folder, const SkeletonSummary& summary, const json& record) {
  CreateFolder(folder);
  json summary_json = SummaryJson(summary);
  summary_json.update(record);
  WriteFileAtomically(folder / "cases.csv", CasesCsv(summary));
  WriteFileAtomically(folder / "table.md", SummaryMarkdown(summary));
  WriteFileAtomically(folder / "summary.json", summary_json.dump(2) + "\n");
}

}  // namespace sap::eval
