// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/published.h"

#include <cmath>
#include <cstdlib>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

bool IsNumber(const ConfigNode& node, double& value) {
  if (node.kind != ConfigNode::Kind::kScalar || node.quoted) return false;
  char* end = nullptr;
  value = std::strtod(node.scalar.c_str(), &end);
  return end != node.scalar.c_str() && *end == '\0';
}

void Collect(const ConfigNode& node, std::vector<std::string>& path, PublishedValues& published) {
  if (node.kind == ConfigNode::Kind::kMap) {
    for (const auto& [key, child] : node.entries) {
      path.push_back(key);
      Collect(child, path, published);
      path.pop_back();
    }
    return;
  }
  PublishedValue value{.path = path, .text = node.scalar};
  double number = 0;
  if (IsNumber(node, number)) value.numbers.push_back(number);
  for (const ConfigNode& item : node.items) {
    SAP_REQUIRE(ErrorKind::kOption,
                IsNumber(item, number),
                "{}: '{}' is not a number",
                item.mark.Text(),
                item.scalar);
    value.numbers.push_back(number);
  }
  SAP_REQUIRE(ErrorKind::kOption,
              path.empty() || path[0] != "table1" || value.numbers.size() == 5,
              "{}: {} numbers; [median, low, high, q25, q75] are needed",
              node.mark.Text(),
              value.numbers.size());
  published.values.push_back(std::move(value));
}

// Names of the large-lesion rows repeat those of all lesions under their own section.
std::string PublishedKey(const Metric& metric, const std::string& method) {
  const std::string name = metric.name.starts_with("large_") ? metric.name.substr(6) : metric.name;
  return fmt::format("table1.{}.{}.{}", metric.section, name, method);
}

// The paper's word for a region of our label table.
std::string PublishedRegion(const std::string& name) {
  static const std::map<std::string, std::string> kWords = {{"cervical_spine", "cervical"},
                                                            {"thoracic_spine", "thoracic"},
                                                            {"lumbar_spine", "lumbar"},
                                                            {"femurs", "femur"},
                                                            {"humeri", "humerus"},
                                                            {"scapulae", "scapula"},
                                                            {"clavicles", "clavicle"}};
  const auto found = kWords.find(name);
  return found == kWords.end() ? name : found->second;
}

// Of every reference lesion that counts.
std::vector<double> LesionVolumesMl(const LesionSummary& summary) {
  std::vector<double> volumes_ml;
  for (const CaseLesions& one : summary.cases) {
    for (const ReferenceLesion& lesion : one.match.lesions) {
      if (!lesion.ignored) volumes_ml.push_back(lesion.volume_ml);
    }
  }
  return volumes_ml;
}

std::string LargestP(const MetricComparison& row) {
  double largest = 0;
  for (const PairTest& pair : row.tests) {
    if (std::isnan(pair.adjusted_p)) return "";
    largest = std::max(largest, pair.adjusted_p);
  }
  return row.tests.empty() ? "" : fmt::format("{} pairs, p <= {:.2g}", row.tests.size(), largest);
}

// "11 of 12 exams": all large lesions found.
std::string FullSensitivity(const LesionSummary& summary) {
  int64_t exams = 0;
  int64_t full = 0;
  for (const CaseLesions& one : summary.cases) {
    if (one.large.lesions == 0) continue;
    ++exams;
    full += one.large.missed() == 0 ? 1 : 0;
  }
  return fmt::format("{} of {} exams", full, exams);
}

}  // namespace

std::string PublishedValue::Key() const {
  return fmt::format("{}", fmt::join(path, "."));
}

const std::vector<double>* PublishedValues::Find(const Metric& metric,
                                                 const std::string& method) const {
  const std::string key = PublishedKey(metric, method);
  for (const PublishedValue& value : values) {
    if (value.Key() == key) return &value.numbers;
  }
  return nullptr;
}

bool PublishedValues::HasMethod(const std::string& method) const {
  for (const PublishedValue& value : values) {
    if (value.path.front() == "table1" && value.path.back() == method) return true;
  }
  return false;
}

PublishedValues ReadPublishedValues(const ConfigNode& root) {
  PublishedValues published;
  std::vector<std::string> path;
  for (const auto& [key, node] : root.entries) {
    path = {key};
    Collect(node, path, published);
  }
  return published;
}

std::string AltmanWord(double icc) {
  if (std::isnan(icc)) return "";
  if (icc <= 0.2) return "poor";
  if (icc <= 0.4) return "fair";
  if (icc <= 0.6) return "moderate";
  return icc <= 0.8 ? "good" : "very good";
}

Reproductions ReproducedValues(const Comparison& comparison,
                               const std::vector<LesionSummary>& summaries,
                               const std::vector<MethodCurves>& curves,
                               const FrocOptions& options) {
  Reproductions found;
  for (const MetricComparison& row : comparison.metrics) {
    for (std::size_t m = 0; m < row.methods.size(); ++m) {
      const MethodValues& values = row.methods[m];
      const std::string& method = comparison.method_names[m];
      found[PublishedKey(row.metric, method)] = {values.distribution.median, values.bootstrap};
      if (row.metric.section == "detection_ge_1ml") {
        found[fmt::format("mean_ge_1ml.{}.{}", row.metric.name.substr(6), method)] = {
            values.distribution.mean};
      }
    }
    if (row.metric.section == "end_to_end") {
      const std::string largest = LargestP(row);
      if (!largest.empty()) found["p_values." + row.metric.name].text = largest;
    }
  }
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    const std::string& method = comparison.method_names[m];
    const IccResult& icc = comparison.volume_icc[m];
    found["icc_2_1_total_volume." + method] = {icc.icc, {icc.low, icc.high}};
    found["icc_2_1_total_volume.wording." + method].text = AltmanWord(icc.icc);
    if (options.limit_all_fp == 15.0) {
      found["froc_auc_all_15fppi." + method] = {
          FrocArea(curves[m].all, options.limit_all_fp, options.end), curves[m].all_intervals.area};
    }
  }
  const std::vector<double> volumes_ml = LesionVolumesMl(summaries[0]);
  found["source.n_test_patients"] = {static_cast<double>(summaries[0].cases.size())};
  found["source.bootstrap_resamples"] = {
      static_cast<double>(comparison.options.bootstrap_resamples)};
  found["cohort.median_lesion_ml"] = {Median(volumes_ml)};
  found["cohort.share_lesions_ge_1ml"] = {static_cast<double>(summaries[0].pooled_large.lesions) /
                                          static_cast<double>(volumes_ml.size())};
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    if (comparison.method_names[m] == "sap") {
      found["preprint_arxiv_2506_19590.ge_1ml_full_sensitivity"].text =
          FullSensitivity(summaries[m]);
    }
  }
  return found;
}

Reproductions ReproducedValues(const std::vector<FeatureStudy>& studies) {
  Reproductions found;
  for (const FeatureStudy& study : studies) {
    const ClusterMetrics& c = study.clusters;
    found["cluster_768d.centroid_distance." + study.name] = {c.centroid_distance};
    found["cluster_768d.intra_positive." + study.name] = {c.lesion.to_centroid};
    found["cluster_768d.intra_negative." + study.name] = {c.healthy.to_centroid};
  }
  return found;
}

Reproductions ReproducedValues(const SkeletonSummary& summary) {
  Reproductions found;
  for (std::size_t label = 0; label < summary.class_names.size(); ++label) {
    const double mean = Summarize(summary.DiceOfClass(label)).mean;
    const std::string name = label == 0 ? "merged" : PublishedRegion(summary.class_names[label]);
    found["skeleton_dice." + name] = {mean};
  }
  found["skeleton_dice.n_validation_scans"] = {static_cast<double>(summary.cases.size())};
  return found;
}

}  // namespace sap::eval
