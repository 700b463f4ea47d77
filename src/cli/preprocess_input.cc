// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_input.h"

#include <algorithm>
#include <regex>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/preprocess/dicom_series.h"
#include "sap/preprocess/nifti_stations.h"
#include "sap/preprocess/sequence_rules.h"

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

preprocess::SequenceRules RulesOf(const PreprocessOptions& options) {
  return options.sequences.empty() ? preprocess::DefaultSequenceRules()
                                   : preprocess::ReadSequenceRules(options.sequences);
}

// Names count for NIfTI (modality and b-value stand there), not for DICOM.
std::string HashOfNamedFiles(const fs::path& patient) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(patient)) {
    if (!entry.is_regular_file()) continue;
    lines.push_back(entry.path().lexically_relative(patient).string() + " " +
                    Sha256OfFile(entry.path()));
  }
  std::sort(lines.begin(), lines.end());
  return Sha256OfBytes(fmt::format("{}", fmt::join(lines, "\n")));
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

std::string InputHash(const fs::path& patient, const PreprocessOptions& options) {
  const std::string files = preprocess::HoldsDicom(patient) ? preprocess::HashOfContents(patient)
                                                            : HashOfNamedFiles(patient);
  return options.sequences.empty() ? files : Sha256OfBytes(files + Sha256OfFile(options.sequences));
}

preprocess::StationSet ReadPatient(const fs::path& patient, const PreprocessOptions& options) {
  const std::string case_id = patient.filename().string();
  const preprocess::SequenceRules rules = RulesOf(options);
  return preprocess::HoldsDicom(patient)
             ? preprocess::ReadDicomStations(patient, case_id, {.rules = rules})
             : preprocess::ReadNiftiStations(patient, case_id, rules);
}

std::string ListPatient(const fs::path& patient, const PreprocessOptions& options) {
  const std::string case_id = patient.filename().string();
  const preprocess::SequenceRules rules = RulesOf(options);
  return preprocess::HoldsDicom(patient)
             ? preprocess::ListDicom(patient, case_id, {.rules = rules}).Text()
             : preprocess::ListNiftiStations(patient, case_id, rules);
}

}  // namespace sap::cli
