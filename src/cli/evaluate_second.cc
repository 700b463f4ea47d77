// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_second.h"

#include <nlohmann/json.hpp>

#include "sap/core/files.h"
#include "sap/eval/report.h"

namespace sap::cli {
namespace {

std::string RuleText(const eval::MatchOptions& match) {
  const bool by_frac =
      match.matching == eval::Matching::kIou || match.matching == eval::Matching::kDice;
  return by_frac ? fmt::format("{} >= {:g}", EnumName(match.matching), match.min_overlap_frac)
                 : EnumName(match.matching);
}

}  // namespace

SecondMatching::SecondMatching(const EvaluateOptions& options)
    : options_(options),
      wanted_(options.second_matching && *options.second_matching != options.match.matching),
      match_(options.match) {
  if (wanted_) match_.matching = *options.second_matching;
}

void SecondMatching::BeginMethod(const std::string& name, double threshold) {
  if (!wanted_) return;
  names_.push_back(name);
  summaries_.push_back({.threshold = threshold, .options = match_});
}

void SecondMatching::Add(const eval::CaseInput& input, const eval::LabelledCase& labelled) {
  if (wanted_) summaries_.back().Add(eval::EvaluateLabelled(input, labelled, match_));
}

std::vector<eval::ReportSection> SecondMatching::Write(nlohmann::json& summary) const {
  if (!wanted_) return {};
  const eval::Comparison comparison = eval::CompareMethods(names_, summaries_, options_.compare);
  summary["second_matching"] = eval::ComparisonJson(comparison);
  summary["second_matching"]["matching"] = EnumName(match_.matching);
  summary["second_matching"]["min_overlap_frac"] = match_.min_overlap_frac;
  const fs::path folder = options_.output_dir;
  const std::string table = eval::Table1(comparison, eval::TableFormat::kMarkdown);
  WriteFileAtomically(folder / "table1_second.md", table);
  WriteFileAtomically(folder / "table1_second.csv",
                      eval::Table1(comparison, eval::TableFormat::kCsv));
  WriteFileAtomically(folder / "tests_second.csv", eval::TestsCsv(comparison));
  return {{.title = "Table 1 by a second rule of matching",
           .note = fmt::format("The same candidates at the same thresholds, matched by {}; every "
                               "other choice as in Table 1. Option second_matching.",
                               RuleText(match_)),
           .markdown = table}};
}

}  // namespace sap::cli
