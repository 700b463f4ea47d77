// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "sap/eval/sensitivity.h"

namespace sap::eval {
namespace {

constexpr int64_t kFewResamples = 10;  // where only tests are looked at

// Rows of one alternative: the same methods and metrics as the chosen comparison.
class Collector {
 public:
  Collector(const Comparison& chosen, std::vector<StatisticRow>& rows)
      : chosen_(chosen), rows_(rows) {}

  void Begin(const char* id, const char* choice, const std::string& value) {
    pattern_ = {.id = id, .choice = choice, .value = value};
  }

  void AddInterval(std::size_t metric, std::size_t method, const Interval& other) {
    const MetricComparison& row = chosen_.metrics[metric];
    const Interval& own = row.methods[method].bootstrap;
    Add(chosen_.method_names[method], row.metric.name + " interval low", own.low, other.low);
    Add(chosen_.method_names[method], row.metric.name + " interval high", own.high, other.high);
  }

  void AddTests(const Comparison& other) {
    for (std::size_t i = 0; i < chosen_.metrics.size(); ++i) {
      const MetricComparison& row = chosen_.metrics[i];
      for (std::size_t t = 0; t < row.tests.size(); ++t) {
        const PairTest& test = row.tests[t];
        Add(chosen_.method_names[test.first] + " / " + chosen_.method_names[test.second],
            row.metric.name + " adjusted p",
            test.adjusted_p,
            other.metrics[i].tests[t].adjusted_p);
      }
    }
  }

 private:
  void Add(const std::string& of, const std::string& number, double own, double other) {
    StatisticRow row = pattern_;
    row.of = of;
    row.number = number;
    row.chosen = own;
    row.alternative = other;
    rows_.push_back(std::move(row));
  }

  const Comparison& chosen_;
  std::vector<StatisticRow>& rows_;
  StatisticRow pattern_;
};

// What is drawn for a metric: patients with their values, or each value on its own.
std::vector<std::vector<double>> Drawn(const LesionSummary& summary,
                                       const Metric& metric,
                                       LesionBootstrap rule) {
  std::vector<std::vector<double>> drawn;
  const bool by_patient = !metric.per_lesion || rule == LesionBootstrap::kPatient;
  for (const auto& one : ValuesOfExams(summary, metric)) {
    if (by_patient && !one.empty()) drawn.push_back(one);
    if (by_patient) continue;
    for (const double value : one) drawn.push_back({value});
  }
  return drawn;
}

void AddIntervals(const std::vector<LesionSummary>& summaries,
                  const Comparison& chosen,
                  Collector& collector) {
  const CompareOptions& options = chosen.options;
  const auto each = [&](const auto& interval_of) {
    for (std::size_t i = 0; i < chosen.metrics.size(); ++i) {
      for (std::size_t m = 0; m < summaries.size(); ++m) {
        collector.AddInterval(i, m, interval_of(i, m));
      }
    }
  };
  collector.Begin("A15", "interval", "exact");
  each([&](std::size_t i, std::size_t m) { return chosen.metrics[i].methods[m].exact; });
  collector.Begin("A15", "interval", "BCa");
  each([&](std::size_t i, std::size_t m) {
    return BcaInterval(
        Drawn(summaries[m], chosen.metrics[i].metric, options.lesion_bootstrap),
        Median,
        {.resamples = options.bootstrap_resamples, .seed = options.seed, .sample = i});
  });
  CompareOptions other = options;
  other.lesion_bootstrap = options.lesion_bootstrap == LesionBootstrap::kLesion
                               ? LesionBootstrap::kPatient
                               : LesionBootstrap::kLesion;
  const Comparison redrawn = CompareMethods(chosen.method_names, summaries, other);
  collector.Begin("A15", "lesion_bootstrap", EnumName(other.lesion_bootstrap));
  for (std::size_t i = 0; i < chosen.metrics.size(); ++i) {
    if (!chosen.metrics[i].metric.per_lesion) continue;
    for (std::size_t m = 0; m < summaries.size(); ++m) {
      collector.AddInterval(i, m, redrawn.metrics[i].methods[m].bootstrap);
    }
  }
}

}  // namespace

std::vector<StatisticRow> StatisticRows(const std::vector<LesionSummary>& summaries,
                                        const Comparison& chosen) {
  std::vector<StatisticRow> rows;
  Collector collector(chosen, rows);
  AddIntervals(summaries, chosen, collector);
  const std::size_t methods = summaries.size();
  if (methods < 2) return rows;  // nothing to test
  CompareOptions other = chosen.options;
  other.bootstrap_resamples = kFewResamples;
  const auto pairs = static_cast<int64_t>(methods * (methods - 1) / 2);
  const auto metrics = static_cast<int64_t>(chosen.metrics.size());
  for (const int64_t num_tests : {pairs, pairs * metrics}) {
    const int64_t own = chosen.options.bonferroni_tests;
    if (num_tests == (own == 0 ? pairs : own)) continue;
    other.bonferroni_tests = num_tests;
    collector.Begin("A16", "bonferroni_tests", fmt::format("{}", num_tests));
    collector.AddTests(CompareMethods(chosen.method_names, summaries, other));
  }
  other.bonferroni_tests = chosen.options.bonferroni_tests;
  other.wilcoxon = chosen.options.wilcoxon == WilcoxonRule::kAutoOld ? WilcoxonRule::kAuto
                                                                     : WilcoxonRule::kAutoOld;
  collector.Begin("A17", "wilcoxon", EnumName(other.wilcoxon));
  collector.AddTests(CompareMethods(chosen.method_names, summaries, other));
  return rows;
}

}  // namespace sap::eval
