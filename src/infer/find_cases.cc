// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/infer/predictor.h"

namespace sap::infer {
namespace {

std::optional<fs::path> FindImage(const fs::path& folder, const std::string& modality) {
  for (const char* ending : {"", ".nii.gz", ".nii", ".mha", ".nrrd"}) {
    const fs::path path = folder / (modality + ending);
    if (fs::is_regular_file(path)) return path;
  }
  return std::nullopt;
}

bool HoldsAny(const fs::path& folder, const std::vector<std::string>& modalities) {
  return std::any_of(modalities.begin(), modalities.end(), [&](const std::string& modality) {
    return FindImage(folder, modality).has_value();
  });
}

std::vector<std::string> FolderNames(const fs::path& input_dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(input_dir)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Channels {
  std::vector<std::string> present;  // modalities that have a file
  std::vector<int64_t> absent;
};

Channels SplitChannels(const std::vector<std::string>& modalities,
                       const std::vector<std::string>& absent) {
  std::set<std::string> unknown(absent.begin(), absent.end());
  Channels channels;
  for (const std::string& modality : modalities) {
    if (std::find(absent.begin(), absent.end(), modality) == absent.end()) {
      channels.present.push_back(modality);
    } else {
      channels.absent.push_back(std::ssize(channels.present) + std::ssize(channels.absent));
      unknown.erase(modality);
    }
  }
  SAP_REQUIRE(ErrorKind::kOption,
              unknown.empty() && !channels.present.empty(),
              "absent: [{}] {}; the model's modalities are {}: name those without a file, and "
              "leave at least one",
              fmt::join(absent, ", "),
              unknown.empty() ? "leaves no image"
                              : fmt::format("has {}, no modality", fmt::join(unknown, ", ")),
              fmt::join(modalities, ", "));
  return channels;
}

CaseFiles FilesOf(const fs::path& folder,
                  const Channels& channels,
                  std::vector<std::string>& faults) {
  CaseFiles files{.id = folder.filename().string(),
                  .body = FindImage(folder, "body"),
                  .absent_channels = channels.absent};
  std::vector<std::string> missing;
  for (const std::string& modality : channels.present) {
    const auto image = FindImage(folder, modality);
    image ? files.images.push_back(*image) : missing.push_back(modality);
  }
  if (!missing.empty()) {
    faults.push_back(fmt::format(
        "{}: {} is missing (.nii.gz, .nii, .mha or .nrrd)", files.id, fmt::join(missing, ", ")));
  }
  return files;
}

}  // namespace

std::vector<CaseFiles> FindCases(const fs::path& input_dir,
                                 const std::vector<std::string>& modalities,
                                 const std::vector<std::string>& case_list,
                                 const std::vector<std::string>& absent) {
  SAP_REQUIRE(ErrorKind::kOption,
              !modalities.empty(),
              "modalities: [] names no input; name one file per channel, e.g. [T1, b1000]");
  const Channels channels = SplitChannels(modalities, absent);
  SAP_REQUIRE(ErrorKind::kInput,
              fs::is_directory(input_dir),
              "input_dir: {} is not a folder; it must hold one folder per case",
              input_dir.filename().string());
  const std::set<std::string> wanted(case_list.begin(), case_list.end());
  std::vector<std::string> faults;
  std::vector<CaseFiles> cases;
  std::set<std::string> found;
  for (const std::string& name : FolderNames(input_dir)) {
    // A folder with none of the modalities is no case, unless it was asked for.
    const bool is_case =
        wanted.empty() ? HoldsAny(input_dir / name, modalities) : wanted.contains(name);
    if (!is_case) continue;
    found.insert(name);
    cases.push_back(FilesOf(input_dir / name, channels, faults));
  }
  for (const std::string& name : wanted) {
    if (!found.contains(name)) faults.push_back(fmt::format("{}: no such case folder", name));
  }
  if (faults.empty() && cases.empty()) {
    faults.push_back(fmt::format("no folder of input_dir holds {}; see modalities",
                                 fmt::join(channels.present, ", ")));
  }
  SAP_REQUIRE(ErrorKind::kInput, faults.empty(), "{}", fmt::join(faults, "\n"));
  return cases;
}

}  // namespace sap::infer
