// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/threshold.h"

#include <cmath>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

double Objective(const std::vector<std::vector<ThresholdCounts>>& cases,
                 std::size_t t,
                 ThresholdObjective objective) {
  DetectionCounts pooled;
  std::vector<double> f2;
  for (const auto& one : cases) {
    pooled += one[t].all;
    f2.push_back(one[t].all.F2());
  }
  switch (objective) {
    case ThresholdObjective::kPooled:
      return pooled.F2();
    case ThresholdObjective::kMedian:
      return Summarize(f2).median;
    case ThresholdObjective::kMean:
      return Summarize(f2).mean;
  }
  return 0;
}

}  // namespace

std::vector<double> DefaultThresholds() {
  std::vector<double> thresholds;
  for (int percent = 1; percent <= 99; ++percent) thresholds.push_back(percent / 100.0);
  return thresholds;
}

ThresholdChoice TuneThreshold(std::size_t num_cases,
                              const CaseLoader& load,
                              const MatchOptions& options,
                              ThresholdObjective objective,
                              const std::vector<double>& thresholds) {
  std::vector<std::vector<ThresholdCounts>> cases;
  ThresholdChoice choice{.thresholds = thresholds};
  ForEachCase(num_cases, load, [&](const CaseInput& input) {
    cases.push_back(SweepThresholds(input, thresholds, options));
    choice.case_ids.push_back(input.id);
    std::vector<double> f2;
    for (const ThresholdCounts& counts : cases.back()) f2.push_back(counts.all.F2());
    choice.f2.push_back(std::move(f2));
    choice.num_cases += cases.back()[0].all.lesions > 0 ? 1 : 0;
  });
  SAP_REQUIRE(ErrorKind::kInput,
              choice.num_cases > 0,
              "none of the {} tuning cases has a lesion, so no threshold can be chosen; name other "
              "tuning cases or set the threshold",
              num_cases);
  choice.objective = -1;
  for (std::size_t t = 0; t < thresholds.size(); ++t) {
    const double value = Objective(cases, t, objective);
    choice.objectives.push_back(value);
    // Means of equal F2 values can differ in the last bit between thresholds: that is a tie too.
    constexpr double kTie = 1e-12;
    if (value >= choice.objective - kTie) {
      choice.objective = std::max(value, choice.objective);
      choice.threshold = thresholds[t];
    }
  }
  return choice;
}

double ChooseThreshold(std::size_t num_cases,
                       const CaseLoader& load,
                       const MatchOptions& options,
                       ThresholdObjective objective) {
  return TuneThreshold(num_cases, load, options, objective).threshold;
}

}  // namespace sap::eval
