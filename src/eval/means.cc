// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/means.h"

#include <cmath>
#include <limits>
#include <map>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/error.h"
#include "sap/core/tables.h"

namespace sap::eval {
namespace {

using ValueOf = double (*)(const DetectionCounts& counts, int64_t num_exams);

constexpr std::pair<const char*, ValueOf> kMetrics[] = {
    {"sensitivity", [](const DetectionCounts& c, int64_t) { return c.Sensitivity(); }},
    {"precision", [](const DetectionCounts& c, int64_t) { return c.Precision(); }},
    {"f2", [](const DetectionCounts& c, int64_t) { return c.F2(); }},
    {"fp_per_exam", [](const DetectionCounts& c, int64_t num_exams) {
       return static_cast<double>(c.false_positives) / static_cast<double>(num_exams);
     }}};

MeanRow RowOf(const std::string& metric,
              ValueOf value_of,
              const LesionSummary& summary,
              bool large,
              const std::vector<int>& fold_of_case) {
  const DetectionCounts& pooled = large ? summary.pooled_large : summary.pooled_all;
  MeanRow row{.metric = metric,
              .lesions = large ? "large" : "all",
              .pooled = value_of(pooled, std::ssize(summary.cases))};
  std::vector<double> values;
  std::map<int, std::vector<double>> of_fold;
  for (std::size_t i = 0; i < summary.cases.size(); ++i) {
    const CaseLesions& one = summary.cases[i];
    values.push_back(value_of(large ? one.large : one.all, 1));
    if (!fold_of_case.empty()) of_fold[fold_of_case[i]].push_back(values.back());
  }
  const Distribution patients = Summarize(values);
  std::vector<double> folds;
  for (const auto& [fold, in_fold] : of_fold) folds.push_back(Summarize(in_fold).mean);
  const Distribution means = Summarize(folds);
  row.patient_mean = patients.mean;
  row.num_patients = patients.n;
  row.fold_mean = means.mean;
  row.num_folds = means.n;
  return row;
}

}  // namespace

std::vector<MeanRow> Means(const LesionSummary& summary, const std::vector<int>& fold_of_case) {
  SAP_CHECK(fold_of_case.empty() || fold_of_case.size() == summary.cases.size(),
            "{} folds of {} exams",
            fold_of_case.size(),
            summary.cases.size());
  std::vector<MeanRow> rows;
  for (const bool large : {false, true}) {
    for (const auto& [metric, value_of] : kMetrics) {
      rows.push_back(RowOf(metric, value_of, summary, large, fold_of_case));
    }
  }
  return rows;
}

std::string MeansMarkdown(const std::vector<std::string>& methods,
                          const std::vector<std::vector<MeanRow>>& rows) {
  Table table({"metric", "lesions", "method", "pooled", "patient mean", "n", "fold mean", "folds"});
  for (std::size_t r = 0; r < rows.at(0).size(); ++r) {
    for (std::size_t m = 0; m < methods.size(); ++m) {
      const MeanRow& row = rows[m][r];
      table.AddRow({row.metric,
                    row.lesions,
                    methods[m],
                    ShortCell(row.pooled),
                    ShortCell(row.patient_mean),
                    fmt::format("{}", row.num_patients),
                    ShortCell(row.fold_mean),
                    fmt::format("{}", row.num_folds)});
    }
  }
  return table.Markdown();
}

nlohmann::json MeansJson(const std::vector<MeanRow>& rows) {
  nlohmann::json result;
  for (const MeanRow& row : rows) {
    result[row.lesions][row.metric] = {{"pooled", Number(row.pooled)},
                                       {"patient_mean", Number(row.patient_mean)},
                                       {"num_patients", row.num_patients},
                                       {"fold_mean", Number(row.fold_mean)},
                                       {"num_folds", row.num_folds}};
  }
  return result;
}

}  // namespace sap::eval
