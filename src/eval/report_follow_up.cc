// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/follow_up.h"

namespace sap::eval {
namespace {

std::string Text(int64_t value) {
  return fmt::format("{}", value);
}

std::string Numbers(const std::vector<int64_t>& numbers) {
  return fmt::format("{}", fmt::join(numbers, " "));
}

double TotalChangeFrac(const FollowUp& patient) {
  if (!(patient.BeforeMl() > 0)) return std::numeric_limits<double>::quiet_NaN();
  return (patient.AfterMl() - patient.BeforeMl()) / patient.BeforeMl();
}

Table TotalsTable(const std::vector<FollowUp>& patients, std::string (*cell)(double)) {
  Table table({"source",
               "method",
               "baseline",
               "follow_up",
               "new",
               "gone",
               "grown",
               "shrunk",
               "stable",
               "splits",
               "merges",
               "many_to_many",
               "baseline_ml",
               "follow_up_ml",
               "change_ml",
               "change_frac"});
  for (const FollowUp& p : patients) {
    table.AddRow({EnumName(p.source),
                  p.method,
                  p.before_id,
                  p.after_id,
                  Text(p.Count(LesionChange::kNew)),
                  Text(p.Count(LesionChange::kGone)),
                  Text(p.Count(LesionChange::kGrown)),
                  Text(p.Count(LesionChange::kShrunk)),
                  Text(p.Count(LesionChange::kStable)),
                  Text(p.Count(MatchGroup::kSplit)),
                  Text(p.Count(MatchGroup::kMerge)),
                  Text(p.Count(MatchGroup::kManyToMany)),
                  cell(p.BeforeMl()),
                  cell(p.AfterMl()),
                  cell(p.AfterMl() - p.BeforeMl()),
                  cell(TotalChangeFrac(p))});
  }
  return table;
}

}  // namespace

int64_t FollowUp::Count(LesionChange change) const {
  return std::count_if(lesions.begin(), lesions.end(), [&](const FollowedLesion& one) {
    return one.change == change;
  });
}

int64_t FollowUp::Count(MatchGroup link) const {
  return std::count_if(
      lesions.begin(), lesions.end(), [&](const FollowedLesion& one) { return one.link == link; });
}

double FollowUp::BeforeMl() const {
  double sum_ml = 0;
  for (const FollowedLesion& one : lesions) sum_ml += one.before_ml;
  return sum_ml;
}

double FollowUp::AfterMl() const {
  double sum_ml = 0;
  for (const FollowedLesion& one : lesions) sum_ml += one.after_ml;
  return sum_ml;
}

std::string FollowUpCsv(const std::vector<FollowUp>& patients) {
  Table table({"source",
               "method",
               "baseline",
               "follow_up",
               "baseline_lesions",
               "follow_up_lesions",
               "link",
               "change",
               "baseline_ml",
               "follow_up_ml",
               "change_frac"});
  for (const FollowUp& p : patients) {
    for (const FollowedLesion& one : p.lesions) {
      table.AddRow({EnumName(p.source),
                    p.method,
                    p.before_id,
                    p.after_id,
                    Numbers(one.before),
                    Numbers(one.after),
                    EnumName(one.link),
                    EnumName(one.change),
                    Cell(one.before_ml),
                    Cell(one.after_ml),
                    Cell(one.ChangeFrac())});
    }
  }
  return table.Csv();
}

std::string FollowUpTotalsCsv(const std::vector<FollowUp>& patients) {
  return TotalsTable(patients, Cell).Csv();
}

std::string FollowUpMarkdown(const std::vector<FollowUp>& patients) {
  return TotalsTable(patients, ShortCell).Markdown();
}

}  // namespace sap::eval
