// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "data/cohort_layouts.h"
#include "sap/core/error.h"

namespace sap::data {
namespace fs = std::filesystem;
namespace {

struct PatchName {
  std::string patient;
  std::string modality;  // or "label"
  std::string tail;      // "positive_0001"
};

// "<patient>_<modality>_positive_0001". The modality is looked up, not cut at an underscore, so
// that names with underscores work.
std::optional<PatchName> ParsePatchName(const std::string& stem,
                                        const std::vector<std::string>& modalities) {
  const std::size_t number = stem.rfind('_');
  if (number == std::string::npos || number == 0) return std::nullopt;
  const std::size_t kind = stem.rfind('_', number - 1);
  if (kind == std::string::npos) return std::nullopt;
  const std::string head = stem.substr(0, kind);
  std::vector<std::string> names = modalities;
  names.emplace_back("label");
  for (const std::string& name : names) {
    if (head.size() > name.size() + 1 && head.ends_with("_" + name)) {
      return PatchName{head.substr(0, head.size() - name.size() - 1), name, stem.substr(kind + 1)};
    }
  }
  return std::nullopt;
}

void ReadPatchFolder(const fs::path& folder,
                     RecordKind kind,
                     const CohortOptions& options,
                     FoundCases& found) {
  if (!fs::is_directory(folder)) return;
  std::map<std::string, std::map<std::string, fs::path>> files_of;  // patch -> modality -> file
  std::map<std::string, std::string> patient_of;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto stem = VolumeStem(entry.path());
    if (!stem) continue;
    if (const auto name = ParsePatchName(*stem, options.modalities)) {
      const std::string id = name->patient + "_" + name->tail;
      files_of[id][name->modality] = entry.path();
      patient_of[id] = name->patient;
    }
  }
  for (const auto& [id, files] : files_of) {
    FoundCase one;
    one.record.id = id;
    one.record.subject = patient_of[id];
    one.record.kind = kind;
    for (const std::string& modality : options.modalities) {
      if (const auto it = files.find(modality); it != files.end()) {
        one.record.images.push_back(it->second);
      } else {
        one.faults.push_back(
            fmt::format("{}: no {} patch in {}", id, modality, folder.filename().string()));
      }
    }
    if (const auto it = files.find("label"); it != files.end()) one.record.label = it->second;
    found.cases.push_back(std::move(one));
  }
}

}  // namespace

FoundCases FindIbPatches(const CohortOptions& options) {
  FoundCases found;
  const fs::path root = options.path;
  ReadPatchFolder(root / "lesion_patches", RecordKind::kLesionPatch, options, found);
  ReadPatchFolder(root / "background_patches", RecordKind::kBackgroundPatch, options, found);
  return found;
}

}  // namespace sap::data
