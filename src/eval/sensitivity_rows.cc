// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "sap/core/error.h"
#include "sap/eval/sensitivity.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// What stands for a metric's values over exams or lesions (A14).
enum class Centre { kTable, kMedian, kMean, kPooled, kFolds };

double Pooled(const LesionSummary& summary, const std::string& name) {
  const bool large = name.starts_with("large_");
  const DetectionCounts& counts = large ? summary.pooled_large : summary.pooled_all;
  if (name.ends_with("sensitivity")) return counts.Sensitivity();
  if (name == "precision") return counts.Precision(summary.options.ratios);
  if (name == "f2") return counts.F2(summary.options.ratios);
  if (name.ends_with("fp_per_exam")) {
    return static_cast<double>(counts.false_positives) /
           static_cast<double>(std::max<std::size_t>(1, summary.cases.size()));
  }
  return kNaN;
}

double Flat(const std::vector<std::vector<double>>& exams, bool as_mean) {
  std::vector<double> values;
  for (const auto& one : exams) values.insert(values.end(), one.begin(), one.end());
  const Distribution d = Summarize(values);
  return as_mean ? d.mean : d.median;
}

// Mean over folds with a value of the means of their exams.
double MeanOfFolds(const std::vector<std::vector<double>>& exams,
                   const std::vector<int>& fold_of_case) {
  std::map<int, std::vector<double>> folds;
  for (std::size_t i = 0; i < exams.size(); ++i) {
    for (const double value : exams[i]) folds[fold_of_case[i]].push_back(value);
  }
  std::vector<double> means;
  for (const auto& [fold, values] : folds) means.push_back(Summarize(values).mean);
  return Summarize(means).mean;
}

double MetricNumber(const LesionSummary& summary,
                    const std::string& name,
                    Centre centre,
                    const std::vector<int>& fold_of_case) {
  if (centre == Centre::kPooled) return Pooled(summary, name);
  const auto& metrics = Table1Metrics();
  const auto metric =
      std::find_if(metrics.begin(), metrics.end(), [&](const Metric& m) { return m.name == name; });
  SAP_CHECK(metric != metrics.end(), "no metric {}", name);
  const std::vector<std::vector<double>> exams = ValuesOfExams(summary, *metric);
  if (centre == Centre::kFolds) return metric->per_lesion ? kNaN : MeanOfFolds(exams, fold_of_case);
  return Flat(exams,
              centre == Centre::kMean || (centre == Centre::kTable && name.starts_with("large_")));
}

// Area of all lesions' curve; NaN where a sweep is asked for and there is none.
double AllArea(const LesionSummary& summary,
               const std::vector<std::vector<ThresholdCounts>>& sweeps,
               const FrocOptions& options) {
  const bool sweep = options.method == FrocMethod::kSweep;
  if (summary.cases.empty() || (sweep && sweeps.empty())) return kNaN;
  const FrocCurve curve =
      sweep ? SweepFroc(sweeps, LesionSize::kAll, options.limit_all_fp, options.average)
            : CandidateFroc(summary.cases, LesionSize::kAll, options.average);
  return FrocArea(curve, options.limit_all_fp, options.end);
}

std::vector<double> Numbers(const LesionSummary& summary,
                            const std::vector<std::vector<ThresholdCounts>>& sweeps,
                            const FrocOptions& froc,
                            Centre centre,
                            const std::vector<int>& fold_of_case = {}) {
  std::vector<double> numbers;
  for (const std::string& name : HeadlineNames()) {
    numbers.push_back(name == "froc_area" ? AllArea(summary, sweeps, froc)
                                          : MetricNumber(summary, name, centre, fold_of_case));
  }
  return numbers;
}

// "A10" after "A9"; rules beside the list, as "1.2", come last.
int Order(const std::string& id) {
  return id.starts_with('A') ? std::stoi(id.substr(1)) : std::numeric_limits<int>::max();
}

}  // namespace

const std::vector<std::string>& HeadlineNames() {
  static const std::vector<std::string> kNames = {"sensitivity",
                                                  "precision",
                                                  "f2",
                                                  "fp_per_exam",
                                                  "large_sensitivity",
                                                  "large_fp_per_exam",
                                                  "dice",
                                                  "nsd",
                                                  "froc_area"};
  return kNames;
}

double SensitivityStudy::Nsd(const LesionSummary& chosen, NsdSurface nsd, std::size_t t) const {
  std::vector<double> values;
  for (std::size_t i = 0; i < surfaces_.size(); ++i) {
    for (std::size_t g = 0; g < surfaces_[i].size(); ++g) {
      if (!chosen.cases[i].match.lesions[g].HasPairValue()) continue;
      const SurfaceScores& scores = surfaces_[i][g];
      values.push_back((nsd == NsdSurface::kSurfel ? scores.nsd_surfel : scores.nsd_border)[t]);
    }
  }
  return Summarize(values).median;
}

std::vector<SensitivityRow> SensitivityStudy::Rows(const LesionSummary& chosen,
                                                   const FrocOptions& froc,
                                                   const std::vector<int>& fold_of_case) const {
  SAP_CHECK(surfaces_.size() == chosen.cases.size(),
            "{} cases were added, {} evaluated",
            surfaces_.size(),
            chosen.cases.size());
  FrocOptions choice = froc;
  // Rules without a sweep have their curve from candidates, as CurvesOf.
  if (chosen.sweeps.empty()) choice.method = FrocMethod::kCandidate;
  const auto own = [&](const FrocOptions& f, Centre centre) {
    return Numbers(chosen, chosen.sweeps, f, centre, fold_of_case);
  };
  std::vector<SensitivityRow> rows = {{"-", "chosen rules", "", own(choice, Centre::kTable)}};
  LesionSummary recounted = chosen;
  const bool by_reference = chosen.options.ratios.tp_count == TpCount::kReference;
  recounted.options.ratios.tp_count = by_reference ? TpCount::kCandidate : TpCount::kReference;
  rows.push_back({"A2",
                  "tp_count",
                  EnumName(recounted.options.ratios.tp_count),
                  Numbers(recounted, chosen.sweeps, choice, Centre::kTable)});
  for (const Variant& variant : variants_) {
    const auto& sweeps = variant.same_sweep ? chosen.sweeps : variant.summary.sweeps;
    rows.push_back({variant.id,
                    variant.choice,
                    variant.value,
                    Numbers(variant.summary, sweeps, choice, Centre::kTable)});
  }
  AddNsdRows(chosen, rows);
  FrocOptions other = choice;
  const bool swept = choice.method == FrocMethod::kSweep;
  other.method = swept ? FrocMethod::kCandidate : FrocMethod::kSweep;
  rows.push_back({"A8", "froc", EnumName(other.method), own(other, Centre::kTable)});
  other = choice;
  other.end = froc.end == CurveEnd::kHold ? CurveEnd::kStop : CurveEnd::kHold;
  rows.push_back({"A9", "froc_end", EnumName(other.end), own(other, Centre::kTable)});
  other = choice;
  other.average =
      froc.average == FrocAverage::kPooled ? FrocAverage::kPerPatient : FrocAverage::kPooled;
  rows.push_back({"A10", "froc_average", EnumName(other.average), own(other, Centre::kTable)});
  for (const auto& [centre, name] : {std::pair{Centre::kMedian, "median of exams"},
                                     std::pair{Centre::kMean, "mean of exams"},
                                     std::pair{Centre::kPooled, "pooled"}}) {
    rows.push_back({"A14", "summary", name, own(choice, centre)});
  }
  if (!fold_of_case.empty()) {
    rows.push_back({"A14", "summary", "mean of folds", own(choice, Centre::kFolds)});
  }
  std::stable_sort(rows.begin() + 1, rows.end(), [](const auto& a, const auto& b) {
    return Order(a.id) < Order(b.id);
  });
  return rows;
}

void SensitivityStudy::AddNsdRows(const LesionSummary& chosen,
                                  std::vector<SensitivityRow>& rows) const {
  const auto& names = HeadlineNames();
  const auto column = std::find(names.begin(), names.end(), "nsd") - names.begin();
  const char* tolerances[] = {"1 mm", "2 mm", "3 mm", "1 voxel"};
  for (const NsdSurface nsd : {NsdSurface::kSurfel, NsdSurface::kBorder}) {
    for (std::size_t t = 0; t < std::size(tolerances); ++t) {
      SensitivityRow row{"A7", "nsd", EnumName(nsd) + " " + tolerances[t], rows.front().numbers};
      row.numbers[static_cast<std::size_t>(column)] = Nsd(chosen, nsd, t);
      rows.push_back(std::move(row));
    }
  }
}

}  // namespace sap::eval
