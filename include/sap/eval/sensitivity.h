// SPDX-License-Identifier: Apache-2.0
// How the headline numbers move where an open choice is made otherwise (evaluation §5.3, A1-A10 and
// A14-A17). Everything comes from the volumes and label maps of one run; the threshold stays.
#pragma once

#include <string>
#include <vector>

#include "sap/eval/compare.h"
#include "sap/eval/detection.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {

// Columns: medians over exams or detected lesions as in Table 1; means for large lesions, as the
// paper's text gives them (medians are 1 and 0 for most methods); the FROC area of all lesions.
const std::vector<std::string>& HeadlineNames();

struct SensitivityRow {
  std::string id;  // "A1"; "-" for the chosen rules
  std::string choice;
  std::string value;
  std::vector<double> numbers;  // by HeadlineNames; NaN where the alternative has none
};

// One method's rows: the chosen rules first.
struct MethodSensitivity {
  std::string name;
  std::vector<SensitivityRow> rows;
};

// Alternatives of one method, filled case by case while the volumes are loaded.
class SensitivityStudy {
 public:
  SensitivityStudy(double threshold, const MatchOptions& chosen);

  // A CaseVisitor's work.
  void Add(const CaseInput& input, const LabelledCase& labelled, const CaseLesions& result);
  // `chosen` holds the cases that were added, in that order. fold_of_case: one number per case, or
  // empty.
  std::vector<SensitivityRow> Rows(const LesionSummary& chosen,
                                   const FrocOptions& froc,
                                   const std::vector<int>& fold_of_case = {}) const;

 private:
  // What an alternative changes, and so what of the chosen run it can take over.
  enum class Reuse { kPairs, kLabels, kNothing };
  struct Variant {
    std::string id;
    std::string choice;
    std::string value;
    Reuse reuse;
    bool same_sweep;  // the FROC curve of all lesions is that of the chosen rules
    LesionSummary summary;
  };

  void AddVariants();
  double Nsd(const LesionSummary& chosen, NsdSurface nsd, std::size_t tolerance_idx) const;
  void AddNsdRows(const LesionSummary& chosen, std::vector<SensitivityRow>& rows) const;

  double threshold_;
  MatchOptions chosen_;
  std::vector<Variant> variants_;
  std::vector<std::vector<SurfaceScores>> surfaces_;  // [case][lesion] at the tolerances of A7
};

// A15-A17: one interval end or p-value of a metric under another rule. `of` is a method, or two.
struct StatisticRow {
  std::string id;
  std::string choice;
  std::string value;
  std::string of;
  std::string number;  // "f2 interval low", "f2 adjusted p"
  double chosen = 0;
  double alternative = 0;
};
std::vector<StatisticRow> StatisticRows(const std::vector<LesionSummary>& summaries,
                                        const Comparison& chosen);

// One row per choice, alternative, method and number: value, chosen value, difference.
std::string SensitivityCsv(const std::vector<MethodSensitivity>& methods,
                           const std::vector<StatisticRow>& statistics);
// Value (and difference) of every headline number; and of each statistical choice the largest
// change of an interval, or the tests whose stars change.
ReportSection SensitivitySection(const std::vector<MethodSensitivity>& methods);
ReportSection StatisticsSection(const std::vector<StatisticRow>& statistics);
std::string SensitivityMarkdown(const std::vector<ReportSection>& sections);

}  // namespace sap::eval
