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

std::vector<std::string> FolderNames(const fs::path& input_dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(input_dir)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<CaseFiles> FindCases(const fs::path& input_dir,
                                 const std::vector<std::string>& modalities,
                                 const std::vector<std::string>& case_list) {
  SAP_REQUIRE(ErrorKind::kOption,
              !modalities.empty(),
              "modalities: [] names no input; name one file per channel, e.g. [T1, b1000]");
  SAP_REQUIRE(ErrorKind::kInput,
              fs::is_directory(input_dir),
              "input_dir: {} is not a folder; it must hold one folder per case",
              input_dir.filename().string());
  const std::set<std::string> wanted(case_list.begin(), case_list.end());
  std::vector<std::string> faults;
  std::vector<CaseFiles> cases;
  std::set<std::string> found;
  for (const std::string& name : FolderNames(input_dir)) {
    if (!wanted.empty() && !wanted.contains(name)) continue;
    found.insert(name);
    CaseFiles files{.id = name, .body = FindImage(input_dir / name, "body")};
    std::vector<std::string> missing;
    for (const std::string& modality : modalities) {
      const auto image = FindImage(input_dir / name, modality);
      image ? files.images.push_back(*image) : missing.push_back(modality);
    }
    // A folder with none of the files is no case, unless it was asked for.
    if (files.images.empty() && wanted.empty()) continue;
    if (!missing.empty()) {
      faults.push_back(fmt::format(
          "{}: {} is missing (.nii.gz, .nii, .mha or .nrrd)", name, fmt::join(missing, ", ")));
    }
    cases.push_back(std::move(files));
  }
  for (const std::string& name : wanted) {
    if (!found.contains(name)) faults.push_back(fmt::format("{}: no such case folder", name));
  }
  if (faults.empty() && cases.empty()) {
    faults.push_back(fmt::format("no folder of input_dir holds {}; see modalities",
                                 fmt::join(modalities, ", ")));
  }
  SAP_REQUIRE(ErrorKind::kInput, faults.empty(), "{}", fmt::join(faults, "\n"));
  return cases;
}

}  // namespace sap::infer
