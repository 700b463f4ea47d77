// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <map>

#include "eval/report_text.h"
#include "sap/core/error.h"
#include "sap/core/tables.h"
#include "sap/eval/regions.h"

namespace sap::eval {
namespace {

std::string Count(int64_t value) {
  return fmt::format("{}", value);
}

void AddExam(const CaseLesions& one,
             std::map<std::string, RegionRow>& rows,
             std::map<std::string, std::vector<double>>& dice) {
  const auto row_of = [&](const LesionDetails& details) -> RegionRow& {
    const auto found = rows.find(details.region);
    SAP_CHECK(found != rows.end(), "{}: no region is called '{}'", one.id, details.region);
    return found->second;
  };
  for (std::size_t g = 0; g < one.match.lesions.size(); ++g) {
    const ReferenceLesion& lesion = one.match.lesions[g];
    if (lesion.ignored) continue;
    RegionRow& row = row_of(DetailsAt(one.lesion_details, g));
    const DetectionCounts counts{.lesions = 1, .detected = lesion.detected() ? 1 : 0};
    row.all += counts;
    if (lesion.large) row.large += counts;
    if (lesion.detected()) dice[row.region].push_back(lesion.PairDice());
  }
  for (std::size_t c = 0; c < one.match.candidates.size(); ++c) {
    const Candidate& candidate = one.match.candidates[c];
    RegionRow& row = row_of(DetailsAt(one.candidate_details, c));
    row.all.false_positives += candidate.false_positive ? 1 : 0;
    row.large.false_positives += candidate.large_false_positive ? 1 : 0;
  }
}

Table RegionsTable(const std::vector<RegionRow>& rows, std::string (*cell)(double)) {
  Table table({"method",
               "region",
               "exams",
               "lesions",
               "detected",
               "sensitivity",
               "large_lesions",
               "large_detected",
               "large_sensitivity",
               "false_positives",
               "fp_per_exam",
               "large_false_positives",
               "median_dice_detected"});
  for (const RegionRow& r : rows) {
    table.AddRow({r.method,
                  r.region,
                  Count(r.num_exams),
                  Count(r.all.lesions),
                  Count(r.all.detected),
                  cell(r.all.Sensitivity()),
                  Count(r.large.lesions),
                  Count(r.large.detected),
                  cell(r.large.Sensitivity()),
                  Count(r.all.false_positives),
                  cell(r.FalsePositivesPerExam()),
                  Count(r.large.false_positives),
                  cell(r.median_dice)});
  }
  return table;
}

}  // namespace

double RegionRow::FalsePositivesPerExam() const {
  if (num_exams == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(all.false_positives) / static_cast<double>(num_exams);
}

std::vector<RegionRow> RegionRows(const std::string& method,
                                  const LesionSummary& summary,
                                  const std::vector<std::string>& region_names) {
  std::map<std::string, RegionRow> rows;
  std::map<std::string, std::vector<double>> dice;
  std::vector<std::string> names = region_names;
  names.emplace_back(kOffSkeleton);
  for (const std::string& name : names) rows[name] = {.method = method, .region = name};
  int64_t num_exams = 0;
  for (const CaseLesions& one : summary.cases) {
    if (!one.has_regions) continue;
    ++num_exams;
    AddExam(one, rows, dice);
  }
  std::vector<RegionRow> in_order;
  for (const std::string& name : names) {
    RegionRow& row = rows[name];
    row.num_exams = num_exams;
    row.median_dice = Summarize(dice[name]).median;
    in_order.push_back(row);
  }
  return in_order;
}

std::string RegionsCsv(const std::vector<RegionRow>& rows) {
  return RegionsTable(rows, Cell).Csv();
}

std::string RegionsMarkdown(const std::vector<RegionRow>& rows) {
  return RegionsTable(rows, ShortCell).Markdown();
}

}  // namespace sap::eval
