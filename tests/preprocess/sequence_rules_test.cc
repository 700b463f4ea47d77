// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/sequence_rules.h"

#include <gtest/gtest.h>

#include "sap/core/error.h"

namespace sap::preprocess {
namespace {

std::string NameOf(const SeriesText& text) {
  const SequenceRules rules = DefaultSequenceRules();
  const SequenceRule* rule = FirstMatch(rules, text);
  return rule == nullptr ? "" : rule->name;
}

std::string FaultOf(const std::string& yaml) {
  try {
    ParseSequenceRules(ParseConfigText(yaml, "table.yaml"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kOption);
    return error.what();
  }
  return "";
}

TEST(SequenceRules, NamesTheSeriesOfWholeBodyProtocols) {
  EXPECT_EQ(NameOf({.description = "3D_T1_TSE"}), "T1");
  EXPECT_EQ(NameOf({.description = "t1_tse_cor_head"}), "T1");
  EXPECT_EQ(NameOf({.description = "DWIBS b0-50-150-1000"}), "DWI");
  EXPECT_EQ(NameOf({.description = "Ax DWI TENSOR R2"}), "DWI");
  EXPECT_EQ(NameOf({.description = "CORO T2 DIX", .type_words = {"ORIGINAL", "W"}}), "T2");
  EXPECT_EQ(NameOf({.description = "mDIXON", .type_words = {"ORIGINAL", "IP"}}), "Dixon_in");
  EXPECT_EQ(NameOf({.description = "mDIXON", .type_words = {"ORIGINAL", "OP"}}), "Dixon_opposed");
  EXPECT_EQ(NameOf({.description = "mDIXON", .type_words = {"ORIGINAL", "W"}}), "Dixon_water");
  EXPECT_EQ(NameOf({.description = "mDIXON", .type_words = {"ORIGINAL", "F"}}), "Dixon_fat");
  EXPECT_EQ(NameOf({.description = "T1_vibe_dixon_opp_bh"}), "Dixon_opposed");
  EXPECT_EQ(NameOf({.description = "", .protocol = "T1 cor"}), "T1");
  EXPECT_EQ(NameOf({.description = "scout"}), "");
}

TEST(SequenceRules, TakesADiffusionSeriesWithoutANameByItsBValue) {
  EXPECT_EQ(NameOf({.description = "WB_trunk", .has_b_value = true}), "DWI");
  EXPECT_EQ(NameOf({.description = "WB_trunk"}), "");
}

TEST(SequenceRules, TheFirstRuleThatMatchesWins) {
  const SequenceRules rules = ParseSequenceRules(ParseConfigText(
      "rules:\n- {name: A, contains: [x]}\n- {name: B, contains: [xy]}\n", "table.yaml"));
  EXPECT_EQ(FirstMatch(rules, {.description = "XY"})->name, "A");
}

TEST(DerivedWord, FindsWordsAndNotPartsOfWords) {
  const SequenceRules rules = DefaultSequenceRules();
  EXPECT_EQ(DerivedWord(rules, {.description = "DWI_ADC"}), "ADC");
  EXPECT_EQ(DerivedWord(rules, {.description = "DWI RADCLIFFE"}), "");
  EXPECT_EQ(DerivedWord(rules, {.description = "DWI fat sat"}), "");  // FA is no part of "fat"
  EXPECT_EQ(DerivedWord(rules, {.description = "x", .type_words = {"DERIVED", "FA"}}), "FA");
}

TEST(SequenceRules, TheShippedTableIsTheBuiltInOne) {
  const SequenceRules shipped =
      ReadSequenceRules(std::filesystem::path(SAP_SOURCE_DIR) / "configs" / "sequences.yaml");
  const SequenceRules built_in = DefaultSequenceRules();
  ASSERT_EQ(shipped.rules.size(), built_in.rules.size());
  for (std::size_t i = 0; i < shipped.rules.size(); ++i) {
    EXPECT_EQ(shipped.rules[i].name, built_in.rules[i].name);
    EXPECT_EQ(shipped.rules[i].contains, built_in.rules[i].contains);
    EXPECT_EQ(shipped.rules[i].type_any, built_in.rules[i].type_any);
    EXPECT_EQ(shipped.rules[i].or_b_value, built_in.rules[i].or_b_value);
    EXPECT_EQ(shipped.rules[i].diffusion, built_in.rules[i].diffusion);
  }
  EXPECT_EQ(shipped.t1_from, built_in.t1_from);
  EXPECT_EQ(shipped.derived_types, built_in.derived_types);
  EXPECT_EQ(shipped.derived_names, built_in.derived_names);
}

TEST(SequenceRules, RefusesAWrongTableWithItsLine) {
  EXPECT_NE(FaultOf("rules:\n- {name: A, contain: [x]}\n").find("table.yaml:2"), std::string::npos);
  EXPECT_NE(FaultOf("rules:\n- {contains: [x]}\n").find("without a name"), std::string::npos);
  EXPECT_NE(FaultOf("rules:\n- {name: A}\n").find("no condition"), std::string::npos);
  EXPECT_NE(FaultOf("rules:\n- {name: A, contains: [x]}\nt1_from: [B]\n").find("names B"),
            std::string::npos);
  EXPECT_NE(FaultOf("t1_from: []\n").find("no rules"), std::string::npos);
}

}  // namespace
}  // namespace sap::preprocess
