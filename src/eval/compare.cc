// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Exams = std::vector<std::vector<double>>;

// The headline tolerance is 2 mm; another list has its middle entry instead.
double HeadlineNsd(const SurfaceScores& surface, const MatchOptions& options) {
  const std::vector<double>& tolerances_mm = options.nsd_tolerances_mm;
  if (tolerances_mm.empty()) return kNaN;
  const auto two = std::find(tolerances_mm.begin(), tolerances_mm.end(), 2.0);
  const auto idx =
      two != tolerances_mm.end() ? two - tolerances_mm.begin() : std::ssize(tolerances_mm) / 2;
  const auto& nsd = options.nsd == NsdSurface::kSurfel ? surface.nsd_surfel : surface.nsd_border;
  return nsd[static_cast<std::size_t>(idx)];
}

std::vector<double> LesionValues(const CaseLesions& one,
                                 const std::string& name,
                                 const MatchOptions& options) {
  std::vector<double> values;
  for (std::size_t g = 0; g < one.match.lesions.size(); ++g) {
    const ReferenceLesion& lesion = one.match.lesions[g];
    if (!lesion.HasPairValue()) continue;
    values.push_back(name == "dice" ? lesion.PairDice() : HeadlineNsd(one.surfaces[g], options));
  }
  return values;
}

std::vector<double> Flat(const Exams& exams) {
  std::vector<double> values;
  for (const auto& one : exams) values.insert(values.end(), one.begin(), one.end());
  return values;
}

MethodValues Describe(const Exams& exams,
                      int64_t n_excluded,
                      const BootstrapOptions& bootstrap,
                      bool by_patient) {
  const std::vector<double> values = Flat(exams);
  MethodValues result{.distribution = Summarize(values), .exact = {kNaN, kNaN}};
  result.distribution.n_excluded = n_excluded;
  if (by_patient) {
    Exams clusters;  // an exam without a value is no patient to draw
    std::copy_if(exams.begin(), exams.end(), std::back_inserter(clusters), [](const auto& one) {
      return !one.empty();
    });
    result.bootstrap = ClusterBootstrapInterval(clusters, Median, bootstrap);
  } else {
    result.bootstrap = BootstrapInterval(values, Median, bootstrap);
    result.exact = ExactMedianInterval(values);
  }
  if (values.size() >= 3) result.normality = ShapiroWilk(values);
  return result;
}

PairTest TestPair(const Exams& a,
                  const Exams& b,
                  bool per_lesion,
                  const CompareOptions& options,
                  const BootstrapOptions& bootstrap) {
  PairTest pair;
  if (per_lesion) {
    const std::vector<double> x = Flat(a);
    const std::vector<double> y = Flat(b);
    pair.name = "mann_whitney";
    pair.n_first = std::ssize(x);
    pair.n_second = std::ssize(y);
    if (x.empty() || y.empty()) {
      pair.test = {.statistic = kNaN, .p = kNaN, .method = "no values"};
    } else {
      pair.test = MannWhitneyU(x, y);
    }
    pair.difference = ClusterBootstrapDifference(a, b, Median, bootstrap);
    return pair;
  }
  Exams x;
  Exams y;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].empty() || b[i].empty()) continue;
    x.push_back(a[i]);
    y.push_back(b[i]);
  }
  pair.name = "wilcoxon";
  pair.n_first = pair.n_second = std::ssize(x);
  pair.test = WilcoxonSignedRank(Flat(x), Flat(y), {.rule = options.wilcoxon});
  pair.difference = ClusterBootstrapDifference(x, y, Median, bootstrap);
  return pair;
}

void Adjust(std::vector<PairTest>& tests, int64_t num_tests) {
  std::vector<double> p;
  for (const PairTest& pair : tests) p.push_back(pair.test.p);
  const std::vector<double> adjusted = Bonferroni(p, num_tests);
  const std::vector<double> holm = Holm(p);
  for (std::size_t i = 0; i < tests.size(); ++i) {
    tests[i].adjusted_p = std::isnan(p[i]) ? kNaN : adjusted[i];
    tests[i].holm_p = std::isnan(p[i]) ? kNaN : holm[i];
  }
}

void RequireSameExams(const std::vector<std::string>& names,
                      const std::vector<LesionSummary>& summaries) {
  SAP_CHECK(!summaries.empty() && names.size() == summaries.size());
  for (std::size_t m = 1; m < summaries.size(); ++m) {
    const auto& first = summaries[0].cases;
    const auto& other = summaries[m].cases;
    for (std::size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
      const std::string a = i < first.size() ? first[i].id : "nothing";
      const std::string b = i < other.size() ? other[i].id : "nothing";
      SAP_REQUIRE(ErrorKind::kInput,
                  a == b,
                  "methods {} and {} have different cases ({} against {}); predict the same cases "
                  "with both, or name the common ones in `cases`",
                  names[0],
                  names[m],
                  a,
                  b);
    }
  }
}

void CompareVolumes(const std::vector<LesionSummary>& summaries, Comparison& comparison) {
  for (const LesionSummary& summary : summaries) {
    std::vector<double> reference_ml;
    std::vector<double> predicted_ml;
    for (const CaseLesions& one : summary.cases) {
      reference_ml.push_back(one.reference_ml);
      predicted_ml.push_back(one.predicted_ml);
    }
    const IccResult none{.icc = kNaN, .icc_consistency = kNaN, .low = kNaN, .high = kNaN};
    comparison.volume_icc.push_back(
        reference_ml.size() < 2 ? none : IntraclassCorrelation(reference_ml, predicted_ml));
    comparison.volume_difference.push_back(BlandAltmanLimits(reference_ml, predicted_ml));
  }
}

}  // namespace

const std::vector<Metric>& Table1Metrics() {
  static const std::vector<Metric> kMetrics = {
      {"sensitivity", "detection_all", "Sensitivity"},
      {"precision", "detection_all", "Precision"},
      {"fp_per_exam", "detection_all", "False positives per exam"},
      {"f2", "detection_all", "F2"},
      {"large_sensitivity", "detection_ge_1ml", "Sensitivity, large lesions"},
      {"large_fp_per_exam", "detection_ge_1ml", "False positives per exam, large"},
      {"dice", "segmentation_detected", "Dice of detected lesions", true},
      {"nsd", "segmentation_detected", "NSD of detected lesions", true},
      {"patient_mean_dice", "end_to_end", "Mean Dice per patient"},
      {"global_dice", "end_to_end", "Global Dice"}};
  return kMetrics;
}

std::vector<std::vector<double>> ValuesOfExams(const LesionSummary& summary, const Metric& metric) {
  Exams exams(summary.cases.size());
  if (metric.per_lesion) {
    for (std::size_t i = 0; i < exams.size(); ++i) {
      exams[i] = LesionValues(summary.cases[i], metric.name, summary.options);
      std::erase_if(exams[i], [](double value) { return std::isnan(value); });
    }
    return exams;
  }
  for (const auto& [name, values] : summary.PerCaseMetrics()) {
    if (name != metric.name) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isnan(values[i])) exams[i].push_back(values[i]);
    }
  }
  return exams;
}

Comparison CompareMethods(const std::vector<std::string>& names,
                          const std::vector<LesionSummary>& summaries,
                          const CompareOptions& options) {
  RequireSameExams(names, summaries);
  Comparison comparison{.method_names = names, .options = options};
  uint64_t sample = 0;  // every metric, method and pair has resamples of its own
  const auto bootstrap = [&] {
    return BootstrapOptions{
        .resamples = options.bootstrap_resamples, .seed = options.seed, .sample = ++sample};
  };
  for (const Metric& metric : Table1Metrics()) {
    MetricComparison row{.metric = metric};
    const bool by_patient =
        metric.per_lesion && options.lesion_bootstrap == LesionBootstrap::kPatient;
    std::vector<Exams> values;
    for (const LesionSummary& summary : summaries) {
      values.push_back(ValuesOfExams(summary, metric));
      const auto empty = std::count_if(
          values.back().begin(), values.back().end(), [](const auto& one) { return one.empty(); });
      row.methods.push_back(Describe(values.back(), empty, bootstrap(), by_patient));
    }
    for (std::size_t a = 0; a < values.size(); ++a) {
      for (std::size_t b = a + 1; b < values.size(); ++b) {
        row.tests.push_back(
            TestPair(values[a], values[b], metric.per_lesion, options, bootstrap()));
        row.tests.back().first = a;
        row.tests.back().second = b;
      }
    }
    Adjust(row.tests, options.bonferroni_tests);
    comparison.metrics.push_back(std::move(row));
  }
  CompareVolumes(summaries, comparison);
  return comparison;
}

}  // namespace sap::eval
