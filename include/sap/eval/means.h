// SPDX-License-Identifier: Apache-2.0
// One number for a cohort, three ways (evaluation §1.3): papers rarely say which they give.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/eval/detection.h"

namespace sap::eval {

struct MeanRow {
  std::string metric;
  std::string lesions;  // "all" or "large"
  double pooled = 0;    // of the counts summed over exams
  double patient_mean = 0;
  int64_t num_patients = 0;  // exams with a value
  double fold_mean = 0;      // of the folds' patient means; NaN without folds
  int64_t num_folds = 0;     // folds with a value
};

// Sensitivity, precision, F2 and false positives per exam, for all and for large lesions.
// fold_of_case: one number per exam, in order, or empty.
std::vector<MeanRow> Means(const LesionSummary& summary, const std::vector<int>& fold_of_case);

std::string MeansMarkdown(const std::vector<std::string>& methods,
                          const std::vector<std::vector<MeanRow>>& rows);
nlohmann::json MeansJson(const std::vector<MeanRow>& rows);

}  // namespace sap::eval
