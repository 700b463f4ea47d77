// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_input.h"

#include <algorithm>
#include <regex>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/orient.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

struct Share {
  std::size_t index = 0;  // 0-based
  std::size_t count = 1;
};

Share ParseShare(const std::string& part) {
  if (part.empty()) return {};
  std::smatch match;
  SAP_REQUIRE(ErrorKind::kOption,
              std::regex_match(part, match, std::regex(R"((\d{1,6})/(\d{1,6}))")),
              "part: '{}' is not i/n, for instance 1/4",
              part);
  const Share share{std::stoul(match[1]) - 1, std::stoul(match[2])};
  SAP_REQUIRE(ErrorKind::kOption,
              share.count >= 1 && share.index < share.count,
              "part: '{}'; i goes from 1 to n",
              part);
  return share;
}

std::vector<fs::path> ImagesOf(const fs::path& patient) {
  std::vector<fs::path> images;
  for (const auto& entry : fs::directory_iterator(patient)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".nii.gz") || name.ends_with(".nii")) images.push_back(entry.path());
  }
  std::sort(images.begin(), images.end());
  return images;
}

}  // namespace

std::vector<std::string> PatientsOf(const PreprocessOptions& options) {
  SAP_REQUIRE(ErrorKind::kInput,
              fs::is_directory(options.input_dir),
              "input_dir: not a folder; give the folder that holds one folder per patient");
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(options.input_dir)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with(".")) all.push_back(name);
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> unknown;
  for (const std::string& name : options.cases) {
    if (!std::binary_search(all.begin(), all.end(), name)) unknown.push_back(name);
  }
  SAP_REQUIRE(ErrorKind::kOption,
              unknown.empty(),
              "cases: {} not in input_dir; correct the list",
              fmt::join(unknown, ", "));
  const Share share = ParseShare(options.part);
  std::vector<std::string> selected;
  for (const std::string& name : options.cases.empty() ? all : options.cases) {
    selected.push_back(name);
  }
  std::vector<std::string> mine;
  for (std::size_t i = share.index; i < selected.size(); i += share.count) {
    mine.push_back(selected[i]);
  }
  SAP_REQUIRE(ErrorKind::kInput,
              !selected.empty(),
              "input_dir: no patient folder; each patient has its own folder of stations");
  return mine;
}

std::string InputHash(const fs::path& patient) {
  std::string text;
  for (const fs::path& image : ImagesOf(patient)) {
    text += image.filename().string() + " " + Sha256OfFile(image) + "\n";
  }
  return Sha256OfBytes(text);
}

preprocess::StationSet ReadPatient(const fs::path& patient) {
  preprocess::StationSet set;
  set.case_id = patient.filename().string();
  const std::regex pattern(R"(([A-Za-z][A-Za-z0-9]*)_(\d+)(?:_b(\d+(?:\.\d+)?))?\.nii(?:\.gz)?)");
  for (const fs::path& image : ImagesOf(patient)) {
    std::smatch match;
    const std::string name = image.filename().string();
    SAP_REQUIRE(ErrorKind::kInput,
                std::regex_match(name, match, pattern),
                "{}: {} is not named <modality>_<station>[_b<value>].nii.gz; rename or remove it",
                set.case_id,
                name);
    preprocess::Station station;
    station.modality = match[1];
    station.sequence = match[1];
    if (match[3].matched) station.b_s_per_mm2 = std::stod(match[3]);
    SAP_REQUIRE(ErrorKind::kInput,
                station.modality != preprocess::kDwi || station.b_s_per_mm2,
                "{}: {} has no b-value; name it DWI_{}_b<value>.nii.gz",
                set.case_id,
                name,
                match[2].str());
    station.image = Reorient(ReadVolume(image), "LPS");
    set.stations.push_back(std::move(station));
  }
  SAP_REQUIRE(ErrorKind::kInput,
              !set.stations.empty(),
              "{}: no .nii or .nii.gz file; give stations as <modality>_<station>.nii.gz",
              set.case_id);
  preprocess::NumberStations(set.stations);
  set.input_sha256 = InputHash(patient);
  return set;
}

}  // namespace sap::cli
