// SPDX-License-Identifier: Apache-2.0
// What the paper reports, beside what an evaluation gives (evaluation §4).
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "sap/core/config_node.h"
#include "sap/eval/compare.h"
#include "sap/eval/feature_study.h"
#include "sap/eval/report_compare.h"
#include "sap/eval/report_html.h"
#include "sap/eval/skeleton.h"

namespace sap::eval {

// One value of published_values.yaml: a number, a list of numbers, or words.
struct PublishedValue {
  std::vector<std::string> path;  // keys from the top: {"table1", "detection_all", "f2", "sap"}
  std::vector<double> numbers;    // empty for words
  std::string text;               // as it stands
  std::string Key() const;        // "table1.detection_all.f2.sap"
};

struct PublishedValues {
  std::vector<PublishedValue> values;  // every one, in the file's order
  // [median, low, high, q25, q75] of Table 1; null for a metric or method that is not published.
  const std::vector<double>* Find(const Metric& metric, const std::string& method) const;
  bool HasMethod(const std::string& method) const;  // in Table 1
};
// Throws kOption with file and line for a value of table1 that is no list of five numbers.
PublishedValues ReadPublishedValues(const ConfigNode& root);

// What this run gives for a published value.
struct Reproduction {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = kNoInterval;  // 95 %
  std::string text;                 // instead of a value
};
using Reproductions = std::map<std::string, Reproduction>;  // by PublishedValue::Key

Reproductions ReproducedValues(const Comparison& comparison,
                               const std::vector<LesionSummary>& summaries,
                               const std::vector<MethodCurves>& curves,
                               const FrocOptions& options);
Reproductions ReproducedValues(const std::vector<FeatureStudy>& studies);
Reproductions ReproducedValues(const SkeletonSummary& summary);

// Every published value in tables by subject: reproduced, published, difference, and whether one
// lies in the other's interval. The preprint, of other patients, has a column of its own. With
// kTouched only tables that hold a reproduced value.
enum class PublishedTables { kAll, kTouched };
std::vector<ReportSection> PublishedSections(const PublishedValues& published,
                                             const Reproductions& reproduced,
                                             PublishedTables which = PublishedTables::kAll);
std::string PublishedMarkdown(const PublishedValues& published, const Reproductions& reproduced);

// Altman's words for agreement, which the paper uses: poor, fair, moderate, good, very good.
std::string AltmanWord(double icc);

}  // namespace sap::eval
