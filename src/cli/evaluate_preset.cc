// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_preset.h"

#include <nlohmann/json.hpp>

#include "sap/core/tables.h"

namespace sap::cli {
namespace {

using nlohmann::json;

struct Choice {
  std::string key;
  std::string value;
  std::string of_preset;
};

// Everything that decides a number of the lesion tables, as Describe names it.
OptionTable ChoiceTable(EvaluateOptions& options) {
  OptionTable table;
  table.Field("threshold_objective", options.threshold_objective);
  options.match.Describe(table);
  table.Field("second_matching", options.second_matching);
  options.froc.Describe(table);
  options.compare.Describe(table);
  return table;
}

std::vector<Choice> Choices(EvaluateOptions options) {
  EvaluateOptions preset;
  ApplyPreset(options.preset, preset);
  const OptionTable own = ChoiceTable(options);
  const OptionTable of_preset = ChoiceTable(preset);
  std::vector<Choice> choices;
  for (std::size_t i = 0; i < own.fields().size(); ++i) {
    const OptionField& field = own.fields()[i];
    choices.push_back({field.key, field.print(), of_preset.fields()[i].print()});
  }
  return choices;
}

// Numbers, lists and null are the same text in YAML and JSON; a name is a string.
json JsonValue(const std::string& yaml) {
  return json::accept(yaml) ? json::parse(yaml) : json(yaml);
}

}  // namespace

void ApplyPreset(EvaluatePreset preset, EvaluateOptions& options) {
  const bool paper = preset == EvaluatePreset::kPaper;
  options.preset = preset;
  options.match.connectivity = paper ? 6 : 26;
  options.second_matching.reset();
  if (!paper) options.second_matching = eval::Matching::kIou;
  options.froc.method = paper ? eval::FrocMethod::kSweep : eval::FrocMethod::kCandidate;
  options.compare.bootstrap_resamples = paper ? 1000 : 10000;
  options.compare.lesion_bootstrap =
      paper ? eval::LesionBootstrap::kLesion : eval::LesionBootstrap::kPatient;
}

std::vector<std::string> TakePreset(const ConfigNode& config, EvaluateOptions& options) {
  const ConfigNode* node = config.Find("preset");
  if (node == nullptr) return {};
  if (const auto preset = EnumFromName<EvaluatePreset>(node->scalar)) ApplyPreset(*preset, options);
  return {};
}

json RulesJson(const EvaluateOptions& options) {
  json rules = {{"preset", EnumName(options.preset)}, {"changed", json::array()}};
  for (const Choice& choice : Choices(options)) {
    rules["choices"][choice.key] = JsonValue(choice.value);
    if (choice.value != choice.of_preset) rules["changed"].push_back(choice.key);
  }
  return rules;
}

eval::ReportSection RulesSection(const EvaluateOptions& options) {
  Table table({"choice", "value", "of the preset"});
  for (const Choice& choice : Choices(options)) {
    const bool same = choice.value == choice.of_preset;
    table.AddRow({choice.key, choice.value, same ? "" : choice.of_preset});
  }
  return {.title = "Choices",
          .note = fmt::format("Preset {}; the last column names what it would have where a key "
                              "was set apart from it.",
                              EnumName(options.preset)),
          .markdown = table.Markdown()};
}

}  // namespace sap::cli
