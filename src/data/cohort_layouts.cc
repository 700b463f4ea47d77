// SPDX-License-Identifier: Apache-2.0
#include "data/cohort_layouts.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "sap/core/config_node.h"
#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEndings[] = {".nii.gz", ".nii", ".mha", ".nrrd"};

std::vector<fs::path> SortedEntries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::string FilesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& path : SortedEntries(folder)) names.push_back(path.filename().string());
  if (names.size() > 8) {
    names.resize(8);
    names.emplace_back("...");
  }
  return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
}

FoundCase ReadCaseFolder(const fs::path& folder, const CohortOptions& options) {
  FoundCase found;
  CaseRecord& record = found.record;
  record.id = record.subject = folder.filename().string();
  for (const std::string& modality : options.modalities) {
    if (const auto path = FindVolume(folder, modality)) {
      record.images.push_back(*path);
    } else {
      found.faults.push_back(fmt::format(
          "{}: no volume {} (.nii.gz, .nii, .mha or .nrrd); the folder has {}; add the file, or "
          "leave the case out with data.cases or cohort.yaml",
          record.id,
          modality,
          FilesIn(folder)));
    }
  }
  record.label = FindVolume(folder, options.label);
  record.body = FindVolume(folder, "body");
  return found;
}

// One entry of cohort.yaml; keys other than these are faults, because a misspelt "subject" would
// let one person into two folds.
void ReadTableEntry(const ConfigNode& entry, CaseRecord& record, std::vector<std::string>& faults) {
  for (const auto& [key, value] : entry.entries) {
    std::string* field = key == "case"      ? &record.id
                         : key == "subject" ? &record.subject
                         : key == "site"    ? &record.site
                         : key == "role"    ? &record.role
                                            : nullptr;
    if (field == nullptr) {
      faults.push_back(fmt::format(
          "{}: unknown key {} (known: case, subject, site, role)", value.mark.Text(), key));
    } else if (value.kind == ConfigNode::Kind::kScalar) {
      *field = value.scalar;
    } else if (value.kind != ConfigNode::Kind::kNull) {
      faults.push_back(fmt::format("{}: {} must be one word", value.mark.Text(), key));
    }
  }
}

}  // namespace

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::optional<std::string> VolumeStem(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const std::string ending : kEndings) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      return name.substr(0, name.size() - ending.size());
    }
  }
  return std::nullopt;
}

std::optional<fs::path> FindVolume(const fs::path& folder, const std::string& stem) {
  for (const char* ending : kEndings) {
    const fs::path exact = folder / (stem + ending);
    if (fs::exists(exact)) return exact;
  }
  for (const fs::path& path : SortedEntries(folder)) {
    const auto found = VolumeStem(path);
    if (found && Lower(*found) == Lower(stem)) return path;
  }
  return std::nullopt;
}

nlohmann::json ReadJsonFile(const fs::path& path, std::size_t max_bytes) {
  try {
    return nlohmann::json::parse(ReadFile(path, max_bytes));
  } catch (const nlohmann::json::exception& error) {
    Fail(ErrorKind::kInput, "{}: not readable as JSON: {}", path.filename().string(), error.what());
  }
}

FoundCases FindCaseFolders(const CohortOptions& options) {
  FoundCases found;
  for (const fs::path& folder : SortedEntries(options.path)) {
    const std::string name = folder.filename().string();
    if (!fs::is_directory(folder) || name.starts_with('.') || name.starts_with('_')) continue;
    found.cases.push_back(ReadCaseFolder(folder, options));
  }
  return found;
}

void ApplyCohortTable(const fs::path& table, FoundCases& found) {
  const ConfigNode root = ParseConfigFile(table.string());
  const ConfigNode* list = root.Find("cases");
  SAP_REQUIRE(ErrorKind::kInput,
              list != nullptr && list->kind == ConfigNode::Kind::kList,
              "cohort.yaml has no list `cases`; write cases: [{{case: H001, subject: H001}}, ...]");
  std::map<std::string, FoundCase> by_id;
  for (FoundCase& one : found.cases) by_id.emplace(one.record.id, std::move(one));
  found.cases.clear();
  std::set<std::string> listed;
  for (const ConfigNode& entry : list->items) {
    CaseRecord row;
    ReadTableEntry(entry, row, found.faults);
    if (row.id.empty()) {
      found.faults.push_back(fmt::format("{}: an entry without `case`", entry.mark.Text()));
    } else if (!listed.insert(row.id).second) {
      found.faults.push_back(fmt::format("{}: listed twice in cohort.yaml", row.id));
    } else if (const auto it = by_id.find(row.id); it == by_id.end()) {
      found.faults.push_back(fmt::format(
          "{}: listed in cohort.yaml ({}), but not there; add the case or remove the line",
          row.id,
          entry.mark.Text()));
    } else {
      FoundCase one = std::move(it->second);
      if (!row.subject.empty()) one.record.subject = row.subject;
      one.record.site = row.site;
      if (!row.role.empty()) one.record.role = row.role;
      found.cases.push_back(std::move(one));
    }
  }
}

void KeepWanted(const std::vector<std::string>& wanted, FoundCases& found) {
  if (wanted.empty()) return;
  const std::set<std::string> ids(wanted.begin(), wanted.end());
  std::erase_if(found.cases, [&](const FoundCase& one) { return !ids.contains(one.record.id); });
  std::set<std::string> present;
  for (const FoundCase& one : found.cases) present.insert(one.record.id);
  for (const std::string& id : ids) {
    if (!present.contains(id)) {
      found.faults.push_back(fmt::format("{}: named in data.cases, but not in the cohort", id));
    }
  }
}

}  // namespace sap::data
