// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/data/cohort.h"

namespace sap::data {

// A case and what it lacks: its faults count only if it is used.
struct FoundCase {
  CaseRecord record;
  std::vector<std::string> faults;  // "H003: no volume T1 ..."
};

struct FoundCases {
  std::vector<FoundCase> cases;
  std::vector<std::string> faults;
};

FoundCases FindCaseFolders(const CohortOptions& options);
FoundCases FindNnunetCases(const CohortOptions& options);
FoundCases FindDatalistCases(const CohortOptions& options);
FoundCases FindIbPatches(const CohortOptions& options);
FoundCases FindNnsslCases(const CohortOptions& options);

inline constexpr const char* kNnsslFile = "pretrain_data.json";

// The volume `stem`.nii.gz, .nii, .mha or .nrrd in `folder`, letter case ignored when needed.
std::optional<std::filesystem::path> FindVolume(const std::filesystem::path& folder,
                                                const std::string& stem);
// File name without its volume ending; nothing for other files.
std::optional<std::string> VolumeStem(const std::filesystem::path& path);
// kInput when malformed or larger.
nlohmann::json ReadJsonFile(const std::filesystem::path& path,
                            std::size_t max_bytes = std::size_t{64} << 20);
std::string Lower(std::string text);

// cohort.yaml beside the cases: keeps the cases that it lists, sets subject, site and role.
void ApplyCohortTable(const std::filesystem::path& table, FoundCases& found);
// Keeps the cases named in `wanted` (all when empty); names that are not there are faults.
void KeepWanted(const std::vector<std::string>& wanted, FoundCases& found);

}  // namespace sap::data
