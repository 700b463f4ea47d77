// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"

namespace sap::eval {
namespace {

using nlohmann::json;

std::string Count(int64_t value) {
  return fmt::format("{}", value);
}

json CountsJson(const DetectionCounts& c) {
  return {{"lesions", c.lesions},
          {"detected", c.detected},
          {"missed", c.missed()},
          {"candidates", c.candidates},
          {"matched_candidates", c.matched_candidates},
          {"false_positives", c.false_positives},
          {"sensitivity", Number(c.Sensitivity())},
          {"precision", Number(c.Precision())},
          {"f2", Number(c.F2())},
          {"candidate_precision", Number(c.CandidatePrecision())},
          {"candidate_f2", Number(c.CandidateF2())}};
}

json RulesJson(const LesionSummary& summary) {
  const MatchOptions& o = summary.options;
  return {{"threshold", summary.threshold},
          {"threshold_rule", "p >= threshold"},
          {"matching", EnumName(o.matching)},
          {"min_overlap_frac", o.min_overlap_frac},
          {"min_overlap_vox", o.min_overlap_vox},
          {"dilate_gt_vox", o.dilate_gt_vox},
          {"extra_hit", EnumName(o.extra_hit)},
          {"lesion_pair", EnumName(o.lesion_pair)},
          {"nsd_tolerances_mm", o.nsd_tolerances_mm},
          {"connectivity", o.connectivity},
          {"min_candidate_ml", o.min_candidate_ml},
          {"min_gt_ml", o.min_gt_ml},
          {"large_ml", o.large_ml},
          {"large_fp", EnumName(o.large_fp)},
          {"candidate_score", EnumName(o.candidate_score)}};
}

json GroupsJson(const LesionSummary& summary) {
  json counts;
  for (const MatchGroup kind :
       {MatchGroup::kOneToOne, MatchGroup::kSplit, MatchGroup::kMerge, MatchGroup::kManyToMany}) {
    int64_t number = 0;
    for (const CaseLesions& one : summary.cases) {
      number += std::count(one.match.groups.begin(), one.match.groups.end(), kind);
    }
    counts[EnumName(kind)] = number;
  }
  return counts;
}

std::string BoxText(const Box& box) {
  return fmt::format("{} {} {} {} {} {}",
                     box.begin_vox.x,
                     box.begin_vox.y,
                     box.begin_vox.z,
                     box.end_vox.x,
                     box.end_vox.y,
                     box.end_vox.z);
}

// "3 5": labels of matched partners, as numbered in the other table.
std::string Labels(const std::vector<int64_t>& indices) {
  std::vector<int64_t> labels;
  for (const int64_t i : indices) labels.push_back(i + 1);
  return fmt::format("{}", fmt::join(labels, " "));
}

void AddSurfaceCells(const CaseLesions& one,
                     const ReferenceLesion& lesion,
                     std::size_t num_tolerances,
                     std::vector<std::string>& row) {
  const bool scored = lesion.detected() && !lesion.ignored;
  if (!scored) {
    row.insert(row.end(), 2 * num_tolerances + 2, "");
    return;
  }
  const SurfaceScores& s = one.surfaces[static_cast<std::size_t>(lesion.component.label - 1)];
  for (std::size_t t = 0; t < num_tolerances; ++t) {
    row.push_back(Cell(s.nsd_surfel[t]));
    row.push_back(Cell(s.nsd_border[t]));
  }
  row.push_back(Cell(s.hd95_mm));
  row.push_back(Cell(s.assd_mm));
}

}  // namespace

std::string CasesCsv(const LesionSummary& summary) {
  std::vector<std::string> header = {"case",
                                     "lesions",
                                     "detected",
                                     "missed",
                                     "candidates",
                                     "matched_candidates",
                                     "false_positives",
                                     "large_lesions",
                                     "large_detected",
                                     "large_false_positives",
                                     "reference_ml",
                                     "predicted_ml"};
  const auto metrics = summary.PerCaseMetrics();
  for (const auto& [name, values] : metrics) header.push_back(name);
  Table table(header);
  for (std::size_t i = 0; i < summary.cases.size(); ++i) {
    const CaseLesions& c = summary.cases[i];
    std::vector<std::string> row = {c.id};
    for (const int64_t count : {c.all.lesions,
                                c.all.detected,
                                c.all.missed(),
                                c.all.candidates,
                                c.all.matched_candidates,
                                c.all.false_positives,
                                c.large.lesions,
                                c.large.detected,
                                c.large.false_positives}) {
      row.push_back(Count(count));
    }
    row.push_back(Cell(c.reference_ml));
    row.push_back(Cell(c.predicted_ml));
    for (const auto& [name, values] : metrics) row.push_back(Cell(values[i]));
    table.AddRow(std::move(row));
  }
  return table.Csv();
}

std::string LesionsCsv(const LesionSummary& summary) {
  std::vector<std::string> header = {"case",
                                     "lesion",
                                     "volume_ml",
                                     "num_vox",
                                     "centroid_x_vox",
                                     "centroid_y_vox",
                                     "centroid_z_vox",
                                     "box_vox",
                                     "touches_border",
                                     "ignored",
                                     "large",
                                     "detected",
                                     "candidates",
                                     "overlap_vox",
                                     "candidates_vox",
                                     "dice",
                                     "group",
                                     "group_type"};
  for (const double tau_mm : summary.options.nsd_tolerances_mm) {
    header.push_back(fmt::format("nsd_surfel_{:g}mm", tau_mm));
    header.push_back(fmt::format("nsd_border_{:g}mm", tau_mm));
  }
  header.insert(header.end(), {"hd95_mm", "assd_mm"});
  Table table(header);
  for (const CaseLesions& one : summary.cases) {
    for (const ReferenceLesion& l : one.match.lesions) {
      const bool grouped = l.group_idx >= 0;
      const MatchGroup type =
          grouped ? one.match.groups[static_cast<std::size_t>(l.group_idx)] : MatchGroup::kNone;
      std::vector<std::string> row = {one.id,
                                      Count(l.component.label),
                                      Cell(l.volume_ml),
                                      Count(l.component.num_vox),
                                      Cell(l.centroid_vox.x),
                                      Cell(l.centroid_vox.y),
                                      Cell(l.centroid_vox.z),
                                      BoxText(l.component.box),
                                      Count(l.touches_border),
                                      Count(l.ignored),
                                      Count(l.large),
                                      Count(l.detected()),
                                      Labels(l.candidates),
                                      Count(l.overlap_vox),
                                      Count(l.candidates_vox),
                                      l.detected() ? Cell(l.PairDice()) : "",
                                      grouped ? Count(l.group_idx + 1) : "",
                                      EnumName(type)};
      AddSurfaceCells(one, l, summary.options.nsd_tolerances_mm.size(), row);
      table.AddRow(std::move(row));
    }
  }
  return table.Csv();
}

std::string CandidatesCsv(const LesionSummary& summary) {
  Table table({"case",
               "candidate",
               "volume_ml",
               "num_vox",
               "score",
               "box_vox",
               "lesions",
               "false_positive",
               "large",
               "large_false_positive"});
  for (const CaseLesions& one : summary.cases) {
    int64_t number = 0;
    for (const Candidate& c : one.match.candidates) {
      table.AddRow({one.id,
                    Count(++number),
                    Cell(c.volume_ml),
                    Count(c.component.num_vox),
                    Cell(c.score),
                    BoxText(c.component.box),
                    Labels(c.lesions),
                    Count(c.false_positive),
                    Count(c.large),
                    Count(c.large_false_positive)});
    }
  }
  return table.Csv();
}

json SummaryJson(const LesionSummary& summary) {
  json summary_json;
  json& per_case = summary_json["metric_per_case"] = json::array();
  std::vector<double> dice;
  for (const CaseLesions& one : summary.cases) {
    dice.push_back(one.voxels.Dice());
    per_case.push_back(
        {{"case", one.id}, {"metrics", {{"1", OverlapJson(one.voxels, dice.back())}}}});
  }
  summary_json["mean"]["1"]["Dice"] = Number(Summarize(dice).mean);
  summary_json["foreground_mean"]["Dice"] = Number(Summarize(dice).mean);
  json& lesions = summary_json["lesions"];
  lesions["rules"] = RulesJson(summary);
  lesions["num_cases"] = summary.cases.size();
  lesions["pooled"]["all"] = CountsJson(summary.pooled_all);
  lesions["pooled"]["large"] = CountsJson(summary.pooled_large);
  lesions["match_groups"] = GroupsJson(summary);
  for (const auto& [name, values] : summary.PerCaseMetrics()) {
    lesions["per_case"][name] = DistributionJson(Summarize(values));
  }
  lesions["detected_lesion_dice"] = DistributionJson(Summarize(summary.DetectedDice()));
  return summary_json;
}

std::string SummaryMarkdown(const LesionSummary& summary) {
  Table table({"metric", "median [quartiles]", "mean", "n", "excluded"});
  for (const auto& [name, values] : summary.PerCaseMetrics()) {
    table.AddRow(DistributionCells(name, Summarize(values)));
  }
  table.AddRow(DistributionCells("detected_lesion_dice", Summarize(summary.DetectedDice())));
  Table pooled(
      {"lesions", "number", "detected", "false positives", "sensitivity", "precision", "F2"});
  const auto row = [&](const std::string& name, const DetectionCounts& c) {
    pooled.AddRow({name,
                   Count(c.lesions),
                   Count(c.detected),
                   Count(c.false_positives),
                   ShortCell(c.Sensitivity()),
                   ShortCell(c.Precision()),
                   ShortCell(c.F2())});
  };
  row("all", summary.pooled_all);
  row(fmt::format(">= {:g} mL", summary.options.large_ml), summary.pooled_large);
  return fmt::format(
      "One value per exam ({} exams; p >= {:g}; connectivity {}; `excluded`: exams without a "
      "value).\n\n{}\nPooled over exams.\n\n{}",
      summary.cases.size(),
      summary.threshold,
      summary.options.connectivity,
      table.Markdown(),
      pooled.Markdown());
}

json ThresholdJson(const ThresholdChoice& choice) {
  json record = {{"threshold", choice.threshold},
                 {"objective", Number(choice.objective)},
                 {"num_cases_with_lesions", choice.num_cases},
                 {"thresholds", choice.thresholds}};
  for (const double value : choice.objectives) record["objectives"].push_back(Number(value));
  for (std::size_t i = 0; i < choice.case_ids.size(); ++i) {
    for (const double value : choice.f2[i]) {
      record["f2_per_case"][choice.case_ids[i]].push_back(Number(value));
    }
  }
  return record;
}

void WriteReport(const fs::path& folder, const LesionSummary& summary, const json& record) {
  CreateFolder(folder);
  json summary_json = SummaryJson(summary);
  summary_json.update(record);
  WriteFileAtomically(folder / "cases.csv", CasesCsv(summary));
  WriteFileAtomically(folder / "lesions.csv", LesionsCsv(summary));
  WriteFileAtomically(folder / "candidates.csv", CandidatesCsv(summary));
  WriteFileAtomically(folder / "table.md", SummaryMarkdown(summary));
  WriteFileAtomically(folder / "summary.json", summary_json.dump(2) + "\n");
}

}  // namespace sap::eval
