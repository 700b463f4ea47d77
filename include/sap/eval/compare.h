// SPDX-License-Identifier: Apache-2.0
// Methods on the same exams: the paper's Table 1 with intervals and tests (evaluation §2).
#pragma once

#include <string>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/eval/bootstrap.h"
#include "sap/eval/burden.h"
#include "sap/eval/detection.h"
#include "sap/eval/stats.h"

namespace sap::eval {

// What a resample draws for metrics of one value per detected lesion: lesions, as if they were
// independent and as the paper's tests take them, or patients, each with all of its lesions.
enum class LesionBootstrap { kLesion, kPatient };

struct CompareOptions {
  int64_t bootstrap_resamples = 1000;
  LesionBootstrap lesion_bootstrap = LesionBootstrap::kLesion;
  uint64_t seed = 0;
  WilcoxonRule wilcoxon = WilcoxonRule::kAuto;
  int64_t bonferroni_tests = 0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("bootstrap_resamples", bootstrap_resamples)
        .Help("resamples of a percentile interval")
        .Range(10, 1000000);
    v.Field("lesion_bootstrap", lesion_bootstrap)
        .Help("what a resample draws for metrics of detected lesions");
    v.Field("seed", seed).Help("seed of the resamples");
    v.Field("wilcoxon", wilcoxon).Help("law of the signed-rank test's p: auto is SciPy >= 1.15");
    v.Field("bonferroni_tests", bonferroni_tests)
        .Help("tests that p is multiplied by; 0 = pairs of methods")
        .AtLeast(0);
  }
};

// One row of Table 1: values per exam (`per_lesion` false) or per detected lesion.
struct Metric {
  std::string name;
  std::string section;  // as in published_values.yaml
  std::string title;
  bool per_lesion = false;
};
const std::vector<Metric>& Table1Metrics();

// Values of a metric, those of one exam together; undefined ones are left out.
std::vector<std::vector<double>> ValuesOfExams(const LesionSummary& summary, const Metric& metric);

struct MethodValues {
  Distribution distribution;
  Interval bootstrap;  // of the median
  Interval exact;      // NaN for lesions drawn by patient: its law needs independent values
  ShapiroResult normality{.w = 0, .p = 0, .note = "fewer than 3 values"};
};

struct PairTest {
  std::size_t first = 0;
  std::size_t second = 0;
  std::string name;  // "wilcoxon" (exams both have) or "mann_whitney" (lesions)
  RankTest test;
  int64_t n_first = 0;
  int64_t n_second = 0;
  double adjusted_p = 1;  // Bonferroni
  double holm_p = 1;
  Interval difference;  // of the medians, first - second; patients drawn
};

struct MetricComparison {
  Metric metric;
  std::vector<MethodValues> methods;
  std::vector<PairTest> tests;
};

struct Comparison {
  std::vector<std::string> method_names;
  std::vector<MetricComparison> metrics;
  std::vector<IccResult> volume_icc;  // by method; reference against predicted mL
  std::vector<BlandAltman> volume_difference;
  CompareOptions options;
};

// Throws kInput naming the case unless all methods have the same exams in the same order.
Comparison CompareMethods(const std::vector<std::string>& names,
                          const std::vector<LesionSummary>& summaries,
                          const CompareOptions& options = {});

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::LesionBootstrap> {
  static constexpr std::pair<sap::eval::LesionBootstrap, std::string_view> kNames[] = {
      {sap::eval::LesionBootstrap::kLesion, "lesion"},
      {sap::eval::LesionBootstrap::kPatient, "patient"}};
};
