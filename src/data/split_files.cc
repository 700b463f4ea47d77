// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "data/cohort_layouts.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/data/splits.h"

namespace sap::data {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "sap-split";

// Folds as lists of case ids become folds of subjects. A subject whose cases lie in two folds shows
// up in both, and CheckSplit refuses it.
std::vector<std::vector<std::string>> SubjectsOf(const std::vector<std::vector<std::string>>& cases,
                                                 const Cohort& cohort) {
  std::vector<std::vector<std::string>> folds;
  std::vector<std::string> unknown;
  for (const auto& ids : cases) {
    std::set<std::string> subjects;
    for (const std::string& id : ids) {
      const auto found = cohort.Find(id);
      if (found) subjects.insert(cohort.cases[*found].subject);
      if (!found) unknown.push_back(id);
    }
    folds.emplace_back(subjects.begin(), subjects.end());
  }
  SAP_REQUIRE(ErrorKind::kInput,
              unknown.empty(),
              "the split names cases that the cohort lacks: {}; add them, or edit the split",
              fmt::join(unknown, ", "));
  return folds;
}

// nnU-Net's splits_final.json: [{train: [...], val: [...]}]; fold = val.
Split FromNnunet(const json& list, const Cohort& cohort) {
  Split split;
  std::vector<std::vector<std::string>> folds;
  for (std::size_t f = 0; f < list.size(); ++f) {
    auto val = list[f].at("val").get<std::vector<std::string>>();
    const auto train = list[f].at("train").get<std::vector<std::string>>();
    std::vector<std::string> leaked;
    const std::set<std::string> held_out(val.begin(), val.end());
    for (const std::string& id : train) {
      if (held_out.contains(id)) leaked.push_back(id);
    }
    SAP_REQUIRE(ErrorKind::kInput,
                leaked.empty(),
                "fold {}: {} both in train and in val; remove it from one list",
                f,
                fmt::join(leaked, ", "));
    if (train.size() + val.size() != cohort.cases.size()) {
      split.warnings.push_back(
          fmt::format("fold {} lists {} of {} cases; all cases outside val are used for training",
                      f,
                      train.size() + val.size(),
                      cohort.cases.size()));
    }
    folds.push_back(std::move(val));
  }
  split.folds = SubjectsOf(folds, cohort);
  return split;
}

Split FromOwn(const json& file) {
  SAP_REQUIRE(ErrorKind::kInput,
              file.value("format", "") == kFormat,
              "no split: expected {{\"format\": \"{}\", \"folds\": [...]}} or nnU-Net's list",
              kFormat);
  Split split;
  split.folds = file.at("folds").get<std::vector<std::vector<std::string>>>();
  if (file.contains("tuning_fold") && !file.at("tuning_fold").is_null()) {
    split.tuning_fold = file.at("tuning_fold").get<int>();
  }
  split.seed = file.value("seed", uint64_t{0});
  split.algorithm = file.value("algorithm", "file");
  return split;
}

// Rows "case,fold"; folds count from 0.
Split FromCsv(const std::string& text, const Cohort& cohort) {
  const auto rows = ParseCsv(text);
  SAP_REQUIRE(ErrorKind::kInput,
              !rows.empty() && rows[0] == std::vector<std::string>({"case", "fold"}),
              "the first row must be case,fold");
  std::vector<std::vector<std::string>> folds;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string& fold_text = rows[r].back();
    const bool digits = rows[r].size() == 2 && !fold_text.empty() && fold_text.size() < 4 &&
                        fold_text.find_first_not_of("0123456789") == std::string::npos;
    SAP_REQUIRE(ErrorKind::kInput,
                digits,
                "row {}: expected a case and a fold of 0 to 999, found \"{}\"",
                r + 1,
                fmt::join(rows[r], ","));
    const auto fold = static_cast<std::size_t>(std::stoi(fold_text));
    if (fold >= folds.size()) folds.resize(fold + 1);
    folds[fold].push_back(rows[r][0]);
  }
  Split split;
  split.folds = SubjectsOf(folds, cohort);
  return split;
}

Split Parse(const fs::path& path, const Cohort& cohort) {
  if (Lower(path.extension().string()) == ".csv") return FromCsv(ReadFile(path), cohort);
  const json file = ReadJsonFile(path);
  try {
    return file.is_array() ? FromNnunet(file, cohort) : FromOwn(file);
  } catch (const json::exception& error) {
    Fail(ErrorKind::kInput, "a key is missing or of the wrong type: {}", error.what());
  }
}

}  // namespace

Split ReadSplit(const fs::path& path, const Cohort& cohort) {
  try {
    Split split = Parse(path, cohort);
    if (split.algorithm.empty()) split.algorithm = "file";
    for (auto& fold : split.folds) std::sort(fold.begin(), fold.end());
    CheckSplit(split, cohort);
    return split;
  } catch (const Error& error) {
    throw Error(error.kind(), path.filename().string() + ": " + error.what());
  }
}

void WriteSplit(const fs::path& path,
                const Split& split,
                const std::vector<SubjectBurden>& subjects) {
  json file = {{"format", kFormat},
               {"version", 1},
               {"algorithm", split.algorithm},
               {"seed", split.seed},
               {"tuning_fold", split.tuning_fold ? json(*split.tuning_fold) : json(nullptr)},
               {"folds", split.folds},
               {"hash", split.Hash()},
               {"burden", json::object()}};
  for (const SubjectBurden& s : subjects) {
    file["burden"][s.subject] = {{"lesions", s.num_lesions}, {"volume_ml", s.volume_ml}};
  }
  WriteFileAtomically(path, file.dump(2) + "\n");
}

void WriteNnunetSplit(const fs::path& path, const Split& split, const Cohort& cohort) {
  json list = json::array();
  for (int f = 0; f < static_cast<int>(split.folds.size()); ++f) {
    const FoldCases cases = CasesOfFold(split, cohort, f);
    json fold = {{"train", json::array()}, {"val", json::array()}};
    for (const std::size_t i : cases.train) fold["train"].push_back(cohort.cases[i].id);
    for (const std::size_t i : cases.test) fold["val"].push_back(cohort.cases[i].id);
    list.push_back(std::move(fold));
  }
  WriteFileAtomically(path, list.dump(2) + "\n");
}

}  // namespace sap::data
