// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_options.h"
#include "sap/eval/detection.h"
#include "sap/eval/report_html.h"

namespace sap::cli {

// Table 1 once more under the rule `second_matching`, filled case by case from the label maps of
// the first: most programs of the field pair lesions and candidates one to one. Does nothing where
// no second rule is set, or the first one's.
class SecondMatching {
 public:
  explicit SecondMatching(const EvaluateOptions& options);

  void BeginMethod(const std::string& name, double threshold);
  void Add(const eval::CaseInput& input, const eval::LabelledCase& labelled);
  // Writes table1_second.md, .csv and tests_second.csv, and fills summary["second_matching"].
  std::vector<eval::ReportSection> Write(nlohmann::json& summary) const;

 private:
  const EvaluateOptions& options_;
  bool wanted_;
  eval::MatchOptions match_;
  std::vector<std::string> names_;
  std::vector<eval::LesionSummary> summaries_;
};

}  // namespace sap::cli
