// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "data/cohort_layouts.h"
#include "sap/core/error.h"

namespace sap::data {
namespace fs = std::filesystem;
namespace {

// Paths of an entry's images: a list, or one path for one modality.
std::vector<std::string> ImagesOf(const nlohmann::json& entry) {
  const auto image = entry.find("image");
  if (image == entry.end()) return {};
  if (image->is_string()) return {image->get<std::string>()};
  return image->get<std::vector<std::string>>();
}

std::string IdOf(const nlohmann::json& entry, const CohortOptions& options) {
  for (const char* key : {"id", "case", "case_id"}) {
    if (entry.contains(key) && entry.at(key).is_string()) return entry.at(key).get<std::string>();
  }
  const std::vector<std::string> images = ImagesOf(entry);
  if (images.empty()) return "";
  const fs::path first = images.front();
  const std::string stem = VolumeStem(first).value_or(first.stem().string());
  // CASE/T1.nii.gz is named by its folder, CASE_0000.nii.gz or CASE.nii.gz by itself.
  const bool is_modality = std::any_of(options.modalities.begin(),
                                       options.modalities.end(),
                                       [&](const auto& m) { return Lower(m) == Lower(stem); });
  if (is_modality && first.has_parent_path()) return first.parent_path().filename().string();
  return stem.ends_with("_0000") ? stem.substr(0, stem.size() - 5) : stem;
}

FoundCase ReadEntry(const nlohmann::json& entry,
                    const fs::path& root,
                    const CohortOptions& options) {
  FoundCase one;
  one.record.id = IdOf(entry, options);
  one.record.subject = entry.value("subject", one.record.id);
  one.record.site = entry.value("site", "");
  const std::vector<std::string> images = ImagesOf(entry);
  if (images.size() != options.modalities.size()) {
    one.faults.push_back(fmt::format("{}: image lists {} files, data.modalities has {} names",
                                     one.record.id,
                                     images.size(),
                                     options.modalities.size()));
  }
  const auto add = [&](const std::string& relative, const auto& use) {
    const fs::path path = root / relative;
    if (fs::exists(path)) return use(path);
    one.faults.push_back(fmt::format("{}: {} is missing", one.record.id, relative));
  };
  for (const std::string& image : images) {
    add(image, [&](const fs::path& path) { one.record.images.push_back(path); });
  }
  if (entry.contains("label") && entry.at("label").is_string()) {
    add(entry.at("label").get<std::string>(),
        [&](const fs::path& path) { one.record.label = path; });
  }
  if (entry.contains("fold")) one.record.fold = entry.at("fold").get<int>();
  return one;
}

}  // namespace

FoundCases FindDatalistCases(const CohortOptions& options) {
  const fs::path path = options.path;
  const nlohmann::json list = ReadJsonFile(path);
  std::vector<std::string> sections = {"training", "validation"};
  if (!options.require_labels) sections.emplace_back("testing");
  FoundCases found;
  try {
    for (const std::string& section : sections) {
      if (!list.contains(section)) continue;
      for (const auto& entry : list.at(section)) {
        // MSD lists its test images as bare paths.
        const nlohmann::json item =
            entry.is_string() ? nlohmann::json{{"image", entry}} : nlohmann::json(entry);
        found.cases.push_back(ReadEntry(item, path.parent_path(), options));
        found.cases.back().record.role = section;
      }
    }
  } catch (const nlohmann::json::exception& error) {
    Fail(ErrorKind::kInput,
         "{}: not a datalist: {}; expected training: [{{image: [...], label: ..., fold: n}}]",
         path.filename().string(),
         error.what());
  }
  return found;
}

}  // namespace sap::data
