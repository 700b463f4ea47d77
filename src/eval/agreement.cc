// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/agreement.h"

#include <algorithm>
#include <cmath>

#include "eval/report_text.h"
#include "sap/core/error.h"
#include "sap/core/tables.h"

namespace sap::eval {
namespace {

double StandardDeviation(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / n;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / (n - 1.0));  // 0 / 0 with one value
}

DetectionCounts CountKept(const CaseLesions& one, int64_t at_least) {
  const auto kept = [&](int64_t c) {
    return DetailsAt(one.candidate_details, static_cast<std::size_t>(c)).members_found >= at_least;
  };
  DetectionCounts counts;
  for (const ReferenceLesion& lesion : one.match.lesions) {
    if (lesion.ignored) continue;
    ++counts.lesions;
    counts.detected +=
        std::any_of(lesion.candidates.begin(), lesion.candidates.end(), kept) ? 1 : 0;
  }
  for (int64_t c = 0; c < std::ssize(one.match.candidates); ++c) {
    const Candidate& candidate = one.match.candidates[static_cast<std::size_t>(c)];
    const bool touches =
        std::any_of(candidate.lesions.begin(), candidate.lesions.end(), [&](int64_t g) {
          return !one.match.lesions[static_cast<std::size_t>(g)].ignored;
        });
    if (!kept(c)) continue;
    counts.matched_candidates += touches ? 1 : 0;
    counts.false_positives += candidate.false_positive ? 1 : 0;
  }
  counts.candidates = counts.matched_candidates + counts.false_positives;
  return counts;
}

Table AgreementTable(const std::vector<AgreementRow>& rows, std::string (*cell)(double)) {
  Table table({"method",
               "found_by_at_least",
               "members",
               "candidates",
               "detected",
               "lesions",
               "sensitivity",
               "false_positives",
               "fp_per_exam",
               "precision"});
  for (const AgreementRow& r : rows) {
    table.AddRow(
        {r.method,
         fmt::format("{}", r.at_least),
         fmt::format("{}", r.num_members),
         fmt::format("{}", r.counts.candidates),
         fmt::format("{}", r.counts.detected),
         fmt::format("{}", r.counts.lesions),
         cell(r.counts.Sensitivity()),
         fmt::format("{}", r.counts.false_positives),
         cell(static_cast<double>(r.counts.false_positives) / static_cast<double>(r.num_exams)),
         cell(r.counts.Precision())});
  }
  return table;
}

}  // namespace

void SetAgreement(const std::vector<std::vector<double>>& member_scores,
                  double threshold,
                  std::vector<LesionDetails>& candidates) {
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    std::vector<double> scores;
    for (const auto& member : member_scores) {
      SAP_CHECK(member.size() == candidates.size(),
                "{} scores of {} candidates",
                member.size(),
                candidates.size());
      scores.push_back(member[c]);
    }
    candidates[c].num_members = std::ssize(scores);
    // As a float32 map is compared with a threshold.
    candidates[c].members_found = std::count_if(scores.begin(), scores.end(), [&](double score) {
      return static_cast<float>(score) >= static_cast<float>(threshold);
    });
    candidates[c].score_sd = StandardDeviation(scores);
  }
}

std::vector<AgreementRow> AgreementRows(const std::string& method, const LesionSummary& summary) {
  int64_t num_members = 0;
  for (const CaseLesions& one : summary.cases) {
    for (const LesionDetails& details : one.candidate_details) {
      num_members = std::max(num_members, details.num_members);
    }
  }
  std::vector<AgreementRow> rows;
  for (int64_t at_least = 0; num_members > 0 && at_least <= num_members; ++at_least) {
    AgreementRow& row = rows.emplace_back(AgreementRow{.method = method,
                                                       .at_least = at_least,
                                                       .num_members = num_members,
                                                       .num_exams = std::ssize(summary.cases)});
    for (const CaseLesions& one : summary.cases) row.counts += CountKept(one, at_least);
  }
  return rows;
}

std::string AgreementCsv(const std::vector<AgreementRow>& rows) {
  return AgreementTable(rows, Cell).Csv();
}

std::string AgreementMarkdown(const std::vector<AgreementRow>& rows) {
  return AgreementTable(rows, ShortCell).Markdown();
}

}  // namespace sap::eval
