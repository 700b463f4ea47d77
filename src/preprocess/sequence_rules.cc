// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/sequence_rules.h"

#include <algorithm>
#include <cctype>

#include "sap/core/error.h"

namespace sap::preprocess {
namespace {

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

bool ContainsText(const std::string& text, const std::string& part) {
  return Upper(text).find(Upper(part)) != std::string::npos;
}

// "ep2d_ADC" holds the word ADC, "RADCLIFFE" does not: words end at anything but a letter or digit.
bool ContainsWord(const std::string& text, const std::string& word) {
  const std::string in = Upper(text), want = Upper(word);
  const auto inside = [&](std::size_t at) {
    return at < in.size() && std::isalnum(static_cast<unsigned char>(in[at])) != 0;
  };
  for (auto at = in.find(want); at != std::string::npos; at = in.find(want, at + 1)) {
    if ((at == 0 || !inside(at - 1)) && !inside(at + want.size())) return true;
  }
  return false;
}

bool HasTypeWord(const SeriesText& text, const std::string& word) {
  return std::any_of(text.type_words.begin(), text.type_words.end(), [&](const std::string& w) {
    return Upper(w) == Upper(word);
  });
}

bool Matches(const SequenceRule& rule, const SeriesText& text) {
  const auto named = [&](const std::string& part) {
    return ContainsText(text.description, part) || ContainsText(text.protocol, part);
  };
  const bool name_fits =
      rule.contains.empty() || std::any_of(rule.contains.begin(), rule.contains.end(), named);
  const bool type_fits =
      rule.type_any.empty() ||
      std::any_of(rule.type_any.begin(), rule.type_any.end(), [&](const std::string& word) {
        return HasTypeWord(text, word);
      });
  return (name_fits && type_fits) || (rule.or_b_value && text.has_b_value);
}

std::vector<std::string> TextList(const ConfigNode& node, const std::string& key) {
  SAP_REQUIRE(ErrorKind::kOption,
              node.kind == ConfigNode::Kind::kList,
              "{}: {} must be a list of words, e.g. [T1, T1w]",
              node.mark.Text(),
              key);
  std::vector<std::string> list;
  for (const ConfigNode& item : node.items) {
    SAP_REQUIRE(ErrorKind::kOption,
                item.kind == ConfigNode::Kind::kScalar,
                "{}: {} holds something that is no word; write text, in quotes where it looks like "
                "a number",
                item.mark.Text(),
                key);
    list.push_back(item.scalar);
  }
  return list;
}

bool Flag(const ConfigNode& node, const std::string& key) {
  SAP_REQUIRE(ErrorKind::kOption,
              node.scalar == "true" || node.scalar == "false",
              "{}: {} is {}; it must be true or false",
              node.mark.Text(),
              key,
              node.scalar);
  return node.scalar == "true";
}

SequenceRule ParseRule(const ConfigNode& node) {
  SequenceRule rule;
  for (const auto& [key, value] : node.entries) {
    if (key == "name") {
      rule.name = value.scalar;
    } else if (key == "contains") {
      rule.contains = TextList(value, key);
    } else if (key == "type_any") {
      rule.type_any = TextList(value, key);
    } else if (key == "or_b_value") {
      rule.or_b_value = Flag(value, key);
    } else if (key == "diffusion") {
      rule.diffusion = Flag(value, key);
    } else {
      Fail(ErrorKind::kOption,
           "{}: unknown key {}; a rule has name, contains, type_any, or_b_value, diffusion",
           value.mark.Text(),
           key);
    }
  }
  SAP_REQUIRE(ErrorKind::kOption,
              !rule.name.empty(),
              "{}: a rule without a name; add name: T1, for instance",
              node.mark.Text());
  SAP_REQUIRE(ErrorKind::kOption,
              !rule.contains.empty() || !rule.type_any.empty() || rule.or_b_value,
              "{}: the rule {} has no condition; add contains, type_any or or_b_value",
              node.mark.Text(),
              rule.name);
  return rule;
}

void RequireKnownT1(const SequenceRules& table, const ConfigNode& root) {
  for (const std::string& name : table.t1_from) {
    const bool known = std::any_of(table.rules.begin(),
                                   table.rules.end(),
                                   [&](const SequenceRule& r) { return r.name == name; });
    SAP_REQUIRE(ErrorKind::kOption,
                known,
                "{}: t1_from names {}, which no rule gives; add a rule of that name",
                root.mark.Text(),
                name);
  }
}

}  // namespace

SequenceRules DefaultSequenceRules() {
  const std::vector<std::string> dixon = {
      "DIXON", "T1_VIBE_DIX", "LAVA_FLEX", "LAVA-FLEX", "IDEAL"};
  SequenceRules table;
  // Diffusion first: "T1/DWI WHOLE BODY" protocols name both, and only diffusion has b-values.
  table.rules = {
      {.name = "DWI",
       .contains = {"DWIBS", "DWI", "DIFF", "EP2D_B"},
       .or_b_value = true,
       .diffusion = true},
      {.name = "Dixon_in", .contains = {"DIXON_IN", "DIX_IN", "INPHASE", "IN PHASE", "IN_PHASE"}},
      {.name = "Dixon_opposed",
       .contains = {"DIXON_OPP", "DIX_OPP", "OUT PHASE", "OPPOSED", "OUT_PHASE"}},
      {.name = "Dixon_water", .contains = {"DIXON_W", "DIX_W", "WATER"}},
      {.name = "Dixon_fat", .contains = {"DIXON_F", "DIX_F", "FAT:"}},
      {.name = "Dixon_in", .contains = dixon, .type_any = {"IP", "IN_PHASE"}},
      {.name = "Dixon_opposed", .contains = dixon, .type_any = {"OP", "OUT_PHASE", "OPP_PHASE"}},
      {.name = "Dixon_water", .contains = dixon, .type_any = {"W", "WATER"}},
      {.name = "Dixon_fat", .contains = dixon, .type_any = {"F", "FAT"}},
      {.name = "T1", .contains = {"T1"}},
      {.name = "T2", .contains = {"T2", "STIR"}}};
  table.t1_from = {"T1", "Dixon_in"};
  table.derived_types = {"ADC",
                         "EADC",
                         "FA",
                         "MD",
                         "MIP",
                         "MIN IP",
                         "MPR",
                         "B0 MAP",
                         "COLFA",
                         "PROJECTION IMAGE",
                         "T1 MAP",
                         "T2 MAP",
                         "TENSOR",
                         "ADC_MAP",
                         "SUBTRACTION",
                         "LOCALIZER"};
  table.derived_names = {"ADC", "EADC", "DADC", "FA", "MIP", "COLFA", "MPR", "LOCALIZER", "SURVEY"};
  return table;
}

SequenceRules ParseSequenceRules(const ConfigNode& root) {
  SequenceRules table;
  for (const auto& [key, value] : root.entries) {
    if (key == "rules") {
      for (const ConfigNode& item : value.items) table.rules.push_back(ParseRule(item));
    } else if (key == "t1_from") {
      table.t1_from = TextList(value, key);
    } else if (key == "derived_types") {
      table.derived_types = TextList(value, key);
    } else if (key == "derived_names") {
      table.derived_names = TextList(value, key);
    } else {
      Fail(ErrorKind::kOption,
           "{}: unknown key {}; a sequence table has rules, t1_from, derived_types, derived_names",
           value.mark.Text(),
           key);
    }
  }
  SAP_REQUIRE(ErrorKind::kOption,
              !table.rules.empty(),
              "{}: no rules; configs/sequences.yaml shows a table",
              root.mark.file);
  RequireKnownT1(table, root);
  return table;
}

SequenceRules ReadSequenceRules(const std::filesystem::path& path) {
  return ParseSequenceRules(ParseConfigFile(path.string()));
}

const SequenceRule* FirstMatch(const SequenceRules& rules, const SeriesText& text) {
  for (const SequenceRule& rule : rules.rules) {
    if (Matches(rule, text)) return &rule;
  }
  return nullptr;
}

std::string DerivedWord(const SequenceRules& rules, const SeriesText& text) {
  for (const std::string& word : rules.derived_types) {
    if (HasTypeWord(text, word)) return word;
  }
  for (const std::string& word : rules.derived_names) {
    if (ContainsWord(text.description, word)) return word;
  }
  return "";
}

}  // namespace sap::preprocess
