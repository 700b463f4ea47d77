// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_stages.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap::cli {
namespace {

using nlohmann::json;
using preprocess::Step;

constexpr const char* kRecordFile = "made_by.json";

bool IsOneOf(const std::string& key, std::initializer_list<const char*> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// The first step that reads an option; none for those of the cohort and of the run.
std::optional<Step> ReaderOf(const std::string& key) {
  const std::string group = key.substr(0, key.find('.'));
  if (group == "nyul" || IsOneOf(key, {"preset", "keep_intermediates", "faults.nyul_identity"})) {
    return std::nullopt;
  }
  if (IsOneOf(key, {"spacing", "write_adc", "faults.dwi_own_grid"})) return Step::kMerge;
  if (IsOneOf(key, {"apply_mask", "faults.adc_unregistered"})) return Step::kRegisterToT1;
  if (group != key) {
    if (const auto step = EnumFromName<Step>(group)) return step;  // "bias.iterations"
  }
  return Step::kMask;
}

}  // namespace

void RequireStagesFit(const fs::path& stages,
                      Step from,
                      const json& made_by,
                      const std::string& case_id) {
  // What is missing altogether is said by the pipeline, which knows the step that it needs.
  if (!fs::exists(stages / kRecordFile)) return;
  const json old = json::parse(ReadFile(stages / kRecordFile));
  std::vector<std::string> changed;
  if (old.at("input_sha256") != made_by.at("input_sha256")) changed.emplace_back("the input files");
  for (const auto& [key, value] : made_by.at("options").items()) {
    const auto reader = ReaderOf(key);
    if (reader && *reader < from && old.at("options").value(key, json()) != value) {
      changed.push_back(key);
    }
  }
  SAP_REQUIRE(
      ErrorKind::kOption,
      changed.empty(),
      "{}: since its intermediates were kept, {} changed, which the steps before `{}` read; "
      "run once without --from, or take the change back",
      case_id,
      fmt::join(changed, ", "),
      EnumName(from));
}

void BeginStages(const fs::path& stages, std::optional<Step> from, const json& made_by) {
  for (const auto& [step, name] : EnumNames<Step>::kNames) {
    if (!from || step >= *from) fs::remove_all(stages / std::string(name));
  }
  CreateFolder(stages);
  WriteFileAtomically(stages / kRecordFile, made_by.dump(2) + "\n");
}

}  // namespace sap::cli
