// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/findings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "eval/report_text.h"
#include "sap/core/tables.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string Count(int64_t value) {
  return fmt::format("{}", value);
}

std::vector<ExamFindings::Finding> ReferenceFindings(const CaseLesions& one) {
  std::vector<ExamFindings::Finding> findings;
  for (std::size_t g = 0; g < one.match.lesions.size(); ++g) {
    const ReferenceLesion& lesion = one.match.lesions[g];
    if (lesion.ignored) continue;
    findings.push_back({.number = lesion.component.label,
                        .num_vox = lesion.component.num_vox,
                        .volume_ml = lesion.volume_ml,
                        .score = kNaN,
                        .details = DetailsAt(one.lesion_details, g)});
  }
  return findings;
}

std::vector<ExamFindings::Finding> PredictedFindings(const CaseLesions& one) {
  std::vector<ExamFindings::Finding> findings;
  for (std::size_t c = 0; c < one.match.candidates.size(); ++c) {
    const Candidate& candidate = one.match.candidates[c];
    findings.push_back({.number = static_cast<int64_t>(c) + 1,
                        .num_vox = candidate.component.num_vox,
                        .volume_ml = candidate.volume_ml,
                        .score = candidate.score,
                        .details = DetailsAt(one.candidate_details, c)});
  }
  return findings;
}

Table BurdenTable(const std::vector<ExamFindings>& exams, std::string (*cell)(double)) {
  Table table({"source",
               "method",
               "case",
               "findings",
               "total_ml",
               "targets",
               "target_sum_mm",
               "longest_diameter_mm",
               "adc_mean_um2_per_s"});
  for (const ExamFindings& e : exams) {
    double longest_mm = kNaN;
    for (const auto& f : e.findings) longest_mm = std::fmax(longest_mm, f.details.shape.longest_mm);
    table.AddRow({EnumName(e.source),
                  e.method,
                  e.id,
                  Count(std::ssize(e.findings)),
                  cell(e.TotalMl()),
                  Count(e.NumTargets()),
                  cell(e.TargetSumMm()),
                  cell(longest_mm),
                  cell(e.AdcMeanUm2PerS())});
  }
  return table;
}

}  // namespace

std::vector<bool> ChooseTargets(const std::vector<double>& longest_mm,
                                const FindingOptions& options) {
  std::vector<std::size_t> order(longest_mm.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return !(longest_mm[i] >= options.target_min_mm); });
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return longest_mm[a] > longest_mm[b];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(options.max_targets)));
  std::vector<bool> is_target(longest_mm.size(), false);
  for (const std::size_t i : order) is_target[i] = true;
  return is_target;
}

double ExamFindings::TotalMl() const {
  double sum_ml = 0;
  for (const Finding& f : findings) sum_ml += f.volume_ml;
  return sum_ml;
}

int64_t ExamFindings::NumTargets() const {
  return std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.target; });
}

double ExamFindings::TargetSumMm() const {
  double sum_mm = 0;
  for (const Finding& f : findings) sum_mm += f.target ? f.details.shape.longest_mm : 0.0;
  return sum_mm;
}

double ExamFindings::AdcMeanUm2PerS() const {
  double sum = 0;
  int64_t num_vox = 0;
  for (const Finding& f : findings) {
    if (std::isnan(f.details.adc_um2_per_s)) continue;
    sum += f.details.adc_um2_per_s * static_cast<double>(f.num_vox);
    num_vox += f.num_vox;
  }
  return num_vox > 0 ? sum / static_cast<double>(num_vox) : kNaN;
}

std::vector<ExamFindings> ListFindings(FindingSource source,
                                       const std::string& method,
                                       const LesionSummary& summary,
                                       const FindingOptions& options) {
  std::vector<ExamFindings> exams;
  for (const CaseLesions& one : summary.cases) {
    const bool reference = source == FindingSource::kReference;
    ExamFindings exam{.source = source, .method = reference ? "" : method, .id = one.id};
    exam.findings = reference ? ReferenceFindings(one) : PredictedFindings(one);
    std::vector<double> longest_mm;
    for (const auto& f : exam.findings) longest_mm.push_back(f.details.shape.longest_mm);
    const std::vector<bool> is_target = ChooseTargets(longest_mm, options);
    for (std::size_t i = 0; i < is_target.size(); ++i) exam.findings[i].target = is_target[i];
    exams.push_back(std::move(exam));
  }
  return exams;
}

std::string FindingsCsv(const std::vector<ExamFindings>& exams) {
  Table table({"source",
               "method",
               "case",
               "finding",
               "region",
               "longest_diameter_mm",
               "axial_diameter_mm",
               "volume_ml",
               "adc_mean_um2_per_s",
               "score",
               "agreement",
               "target"});
  for (const ExamFindings& e : exams) {
    for (const auto& f : e.findings) {
      table.AddRow({EnumName(e.source),
                    e.method,
                    e.id,
                    Count(f.number),
                    f.details.region,
                    Cell(f.details.shape.longest_mm),
                    Cell(f.details.shape.axial_mm),
                    Cell(f.volume_ml),
                    Cell(f.details.adc_um2_per_s),
                    Cell(f.score),
                    Cell(f.details.Agreement()),
                    Count(f.target)});
    }
  }
  return table.Csv();
}

std::string BurdenCsv(const std::vector<ExamFindings>& exams) {
  return BurdenTable(exams, Cell).Csv();
}

std::string BurdenMarkdown(const std::vector<ExamFindings>& exams) {
  return BurdenTable(exams, ShortCell).Markdown();
}

}  // namespace sap::eval
