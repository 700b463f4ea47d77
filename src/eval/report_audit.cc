// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "sap/core/tables.h"
#include "sap/eval/report.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {
namespace {

using nlohmann::json;

constexpr MatchGroup kGroups[] = {
    MatchGroup::kOneToOne, MatchGroup::kSplit, MatchGroup::kMerge, MatchGroup::kManyToMany};

int64_t NumGroups(const LesionSummary& summary, MatchGroup kind) {
  int64_t number = 0;
  for (const CaseLesions& one : summary.cases) {
    number += std::count(one.match.groups.begin(), one.match.groups.end(), kind);
  }
  return number;
}

std::vector<ConnectivityCounts> SumAudits(const LesionSummary& summary) {
  std::vector<ConnectivityCounts> sums;
  for (const CaseLesions& one : summary.cases) {
    if (sums.empty()) {
      sums = one.audit;
      continue;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sums[i].lesions += one.audit[i].lesions;
      sums[i].candidates += one.audit[i].candidates;
    }
  }
  return sums;
}

}  // namespace

json AuditJson(const LesionSummary& summary) {
  json rows = json::array();
  for (const ConnectivityCounts& counts : SumAudits(summary)) {
    rows.push_back({{"connectivity", counts.connectivity},
                    {"lesions", counts.lesions},
                    {"candidates", counts.candidates}});
  }
  return rows;
}

json MatchGroupsJson(const LesionSummary& summary) {
  json counts;
  for (const MatchGroup kind : kGroups) counts[EnumName(kind)] = NumGroups(summary, kind);
  return counts;
}

ReportSection AuditSection(const std::vector<std::string>& method_names,
                           const std::vector<LesionSummary>& summaries) {
  std::vector<std::string> header = {"method"};
  for (const char* what : {"lesions", "candidates"}) {
    for (const int connectivity : {6, 18, 26}) {
      header.push_back(fmt::format("{}, {}-connected", what, connectivity));
    }
  }
  for (const MatchGroup kind : kGroups) header.push_back("groups " + EnumName(kind));
  Table table(header);
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    std::vector<std::string> row = {method_names[m]};
    const std::vector<ConnectivityCounts> audit = SumAudits(summaries[m]);
    for (const auto& counts : audit) row.push_back(fmt::format("{}", counts.lesions));
    for (const auto& counts : audit) row.push_back(fmt::format("{}", counts.candidates));
    for (const MatchGroup kind : kGroups) {
      row.push_back(fmt::format("{}", NumGroups(summaries[m], kind)));
    }
    table.AddRow(std::move(row));
  }
  return {.title = "How much the rules can matter",
          .note =
              "Lesions and candidates over all exams, were voxels joined by 6, 18 or 26 "
              "neighbours; and groups of lesions and candidates that touch (lesions:candidates "
              "as 1:1, 1:n a split lesion, n:1 a merge, n:m both). Where the first columns "
              "agree and nearly all groups are 1:1, connectivity, extra hits and lesion pairs "
              "decide little.",
          .markdown = table.Markdown()};
}

}  // namespace sap::eval
