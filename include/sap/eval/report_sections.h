// SPDX-License-Identifier: Apache-2.0
// What the report of a lesion evaluation says, in order (evaluation §6.1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sap/eval/figures.h"
#include "sap/eval/report_compare.h"
#include "sap/eval/report_html.h"
#include "sap/eval/threshold.h"

namespace sap::eval {

// How the operating thresholds came about: given, 0.5 for want of anything else, or chosen on
// tuning exams, scored by models that did not train on them or may have.
enum class ThresholdSource { kGiven, kDefault, kHeldOut, kInSample };

// Everything that one evaluation of methods leads to; lists are by method.
struct MethodResults {
  const Comparison& comparison;
  const std::vector<LesionSummary>& summaries;
  const std::vector<MethodCurves>& curves;
  std::vector<std::optional<ThresholdChoice>> tunings;
  ThresholdSource threshold_source = ThresholdSource::kGiven;
  FrocOptions froc;
};

// Methods, exams, thresholds, rules, and what these numbers can and cannot say.
ReportHead LesionReportHead(const MethodResults& results);
// Table 1, box plots, tests, curves, volumes, threshold and scores.
std::vector<ReportSection> LesionSections(const MethodResults& results);

}  // namespace sap::eval
