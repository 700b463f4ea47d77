// SPDX-License-Identifier: Apache-2.0
// What an evaluation leaves behind: cases.csv, lesions.csv, candidates.csv, summary.json and
// table.md. Values that are not defined (NaN) are empty cells and JSON nulls.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "sap/eval/detection.h"
#include "sap/eval/skeleton.h"
#include "sap/eval/threshold.h"

namespace sap::eval {

// One row per exam, lesion or candidate; units in the column names.
std::string CasesCsv(const LesionSummary& summary);
std::string LesionsCsv(const LesionSummary& summary);
std::string CandidatesCsv(const LesionSummary& summary);

// nnU-Net's schema (metric_per_case, mean, foreground_mean) with a `lesions` block: pooled counts,
// per-exam distributions with n and n_excluded, Dice of detected lesions, match groups, rules.
nlohmann::json SummaryJson(const LesionSummary& summary);
std::string SummaryMarkdown(const LesionSummary& summary);

// Lesions and candidates under 6, 18 and 26 neighbours, over all exams.
nlohmann::json AuditJson(const LesionSummary& summary);
// Match groups by type, over all exams.
nlohmann::json MatchGroupsJson(const LesionSummary& summary);

std::string CasesCsv(const SkeletonSummary& summary);
nlohmann::json SummaryJson(const SkeletonSummary& summary);
std::string SummaryMarkdown(const SkeletonSummary& summary);

// The tuning record: threshold, objective curve, F2 of each tuning case at each threshold.
nlohmann::json ThresholdJson(const ThresholdChoice& choice);

// Writes all files of one evaluation into `folder` (created), each atomically. `record` (options,
// provenance, input hashes) goes into summary.json as it is.
void WriteReport(const std::filesystem::path& folder,
                 const LesionSummary& summary,
                 const nlohmann::json& record);
void WriteReport(const std::filesystem::path& folder,
                 const SkeletonSummary& summary,
                 const nlohmann::json& record);

}  // namespace sap::eval
