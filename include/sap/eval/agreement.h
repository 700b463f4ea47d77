// SPDX-License-Identifier: Apache-2.0
// How many members of an ensemble find a candidate, and what that is worth.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/eval/detection.h"

namespace sap::eval {

// Fills num_members, members_found and score_sd of each candidate. member_scores[member][candidate]
// is the largest probability of that member inside the candidate: a member finds a candidate when
// it has a voxel of at least `threshold` there. score_sd has n - 1; NaN with one member.
void SetAgreement(const std::vector<std::vector<double>>& member_scores,
                  double threshold,
                  std::vector<LesionDetails>& candidates);

// Pooled over exams, keeping only candidates that at least `at_least` members find.
struct AgreementRow {
  std::string method;
  int64_t at_least = 0;
  int64_t num_members = 0;
  int64_t num_exams = 0;
  DetectionCounts counts;
};

// From 0 (all candidates) to the number of members; empty without members.
std::vector<AgreementRow> AgreementRows(const std::string& method, const LesionSummary& summary);
std::string AgreementCsv(const std::vector<AgreementRow>& rows);
std::string AgreementMarkdown(const std::vector<AgreementRow>& rows);

}  // namespace sap::eval
