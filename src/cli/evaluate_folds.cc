// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_folds.h"

#include <charconv>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "sap/core/config_node.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"

namespace sap::cli {
namespace {

using nlohmann::json;
using FoldsOfName = std::map<std::string, std::set<int>>;  // by case or subject

FoldsOfName FromCsv(const std::string& text) {
  const auto rows = ParseCsv(text);
  SAP_REQUIRE(ErrorKind::kInput,
              !rows.empty() && rows[0] == std::vector<std::string>({"case", "fold"}),
              "the first row must be case,fold");
  FoldsOfName folds;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string& digits = rows[r].back();
    int fold = -1;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), fold);
    SAP_REQUIRE(ErrorKind::kInput,
                rows[r].size() == 2 && fault == std::errc{} &&
                    end == digits.data() + digits.size() && fold >= 0,
                "row {}: expected a case and a fold counted from 0, found \"{}\"",
                r + 1,
                fmt::join(rows[r], ","));
    folds[rows[r][0]].insert(fold);
  }
  return folds;
}

FoldsOfName FromJson(const json& file) {
  FoldsOfName folds;
  const json& lists = file.is_array() ? file : file.at("folds");
  for (std::size_t f = 0; f < lists.size(); ++f) {
    const json& names = file.is_array() ? lists[f].at("val") : lists[f];
    for (const auto& name : names) folds[name.get<std::string>()].insert(static_cast<int>(f));
  }
  return folds;
}

FoldsOfName ReadFolds(const fs::path& path) {
  const std::string file = path.filename().string();
  try {
    const std::string text = ReadFile(path);
    return file.ends_with(".csv") ? FromCsv(text) : FromJson(json::parse(text));
  } catch (const json::exception& error) {
    Fail(ErrorKind::kInput,
         "folds: {} is no split (sap-split JSON, nnU-Net's list, or CSV case,fold): {}",
         file,
         error.what());
  } catch (const Error& error) {
    throw Error(error.kind(), "folds: " + file + ": " + error.what());
  }
}

// What cohort.yaml says of the subjects, as for training.
std::map<std::string, std::string> SubjectsOfCohort(const fs::path& reference_dir) {
  std::map<std::string, std::string> subjects;
  const fs::path path = reference_dir / "cohort.yaml";
  if (!fs::is_regular_file(path)) return subjects;
  const ConfigNode root = ParseConfigFile(path);
  const ConfigNode* cases = root.Find("cases");
  if (cases == nullptr) return subjects;
  for (const ConfigNode& item : cases->items) {
    const ConfigNode* id = item.Find("case");
    const ConfigNode* subject = item.Find("subject");
    if (id != nullptr && subject != nullptr) subjects[id->scalar] = subject->scalar;
  }
  return subjects;
}

}  // namespace

std::vector<int> FoldsOfCases(const fs::path& split,
                              const fs::path& reference_dir,
                              const std::vector<std::string>& case_ids) {
  const FoldsOfName folds = ReadFolds(split);
  const auto subjects = SubjectsOfCohort(reference_dir);
  std::vector<int> of_case;
  std::vector<std::string> faults;
  for (const std::string& id : case_ids) {
    const auto subject = subjects.find(id);
    auto found = folds.find(id);
    if (found == folds.end() && subject != subjects.end()) found = folds.find(subject->second);
    if (found == folds.end()) {
      faults.push_back(id + " is in none");
    } else if (found->second.size() > 1) {
      faults.push_back(fmt::format("{} is in {}", id, fmt::join(found->second, " and ")));
    } else {
      of_case.push_back(*found->second.begin());
    }
  }
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "folds: each case, or its subject in reference_dir/cohort.yaml, must stand in one "
              "fold of {}, but {}; use the split of the training, or leave `folds` out",
              split.filename().string(),
              fmt::join(faults, ", "));
  return of_case;
}

}  // namespace sap::cli
