// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sap/core/config_node.h"

namespace sap::preprocess {

// Names a sequence by what its header says. The first rule that matches wins.
struct SequenceRule {
  std::string name;                   // "T1", "Dixon_in", "DWI": what outputs and logs say
  std::vector<std::string> contains;  // case-insensitive parts of description or protocol
  std::vector<std::string> type_any;  // words of the image type, one of which must be there
  bool or_b_value = false;            // a b-value above 0 is enough
  bool diffusion = false;             // becomes Station::modality DWI
};

// The rule table of configs/sequences.yaml.
struct SequenceRules {
  std::vector<SequenceRule> rules;
  std::vector<std::string> t1_from;        // sequences that may become T1, best first
  std::vector<std::string> derived_types;  // words of the image type that mark derived maps
  std::vector<std::string> derived_names;  // whole words of the description that mark them
};

// What a rule looks at.
struct SeriesText {
  std::string description;              // Series Description (0008,103E)
  std::string protocol;                 // Protocol Name (0018,1030)
  std::vector<std::string> type_words;  // Image Type (0008,0008) and the vendor's type tag
  bool has_b_value = false;             // a b-value above 0
};

// The table that the program carries: T1, Dixon, T2, DWI as whole-body protocols name them.
SequenceRules DefaultSequenceRules();

// Reads a table; throws kOption naming file, line and rule for an unknown key, a rule without a
// name or without a condition, and a t1_from that no rule gives.
SequenceRules ParseSequenceRules(const ConfigNode& root);
SequenceRules ReadSequenceRules(const std::filesystem::path& path);

// The first rule that matches; nullptr when none does.
const SequenceRule* FirstMatch(const SequenceRules& rules, const SeriesText& text);

// "ADC map": the word that marks a derived map; empty for an acquired image.
std::string DerivedWord(const SequenceRules& rules, const SeriesText& text);

}  // namespace sap::preprocess
