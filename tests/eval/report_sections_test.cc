// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report_sections.h"

#include <cstdlib>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/method_summary.h"
#include "sap/core/files.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;
using testing::MethodSummary;
using ::testing::Not;

struct Scene {
  std::vector<LesionSummary> summaries;
  std::vector<MethodCurves> curves;
  Comparison comparison;

  explicit Scene(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      summaries.push_back(MethodSummary({0, 1, 2, 2}, {1, 0, 2, 5}));
      curves.push_back(CurvesOf(name, summaries.back(), {}));
    }
    comparison = CompareMethods(names, summaries, {.bootstrap_resamples = 20});
  }
  MethodResults Results(ThresholdSource source = ThresholdSource::kGiven) const {
    return {.comparison = comparison,
            .summaries = summaries,
            .curves = curves,
            .tunings = std::vector<std::optional<ThresholdChoice>>(summaries.size()),
            .threshold_source = source};
  }
};

std::string Facts(const ReportHead& head) {
  std::string text;
  for (const auto& [name, value] : head.facts) text += name + ": " + value + "\n";
  return text;
}

std::string NotesOf(const ReportHead& head) {
  return fmt::format("{}", fmt::join(head.notes, "\n"));
}

TEST(LesionReportHead, SaysWhatWasEvaluatedAndHow) {
  const std::string facts = Facts(LesionReportHead(Scene({"ssl", "sap"}).Results()));
  EXPECT_THAT(facts, HasSubstr("Methods: ssl, sap\n"));
  EXPECT_THAT(facts, HasSubstr("4 exams with 8 lesions, 0 of at least 1 mL; median 0.008 mL"));
  EXPECT_THAT(facts, HasSubstr("Threshold: 0.5, given before the evaluation"));
  EXPECT_THAT(facts, HasSubstr("6-connected components"));
}

TEST(LesionReportHead, WarnsOfAThresholdChosenInSample) {
  const Scene scene({"ssl", "sap"});
  const std::string warning = "may have trained on";
  EXPECT_THAT(NotesOf(LesionReportHead(scene.Results(ThresholdSource::kInSample))),
              HasSubstr(warning));
  for (const ThresholdSource other :
       {ThresholdSource::kGiven, ThresholdSource::kDefault, ThresholdSource::kHeldOut}) {
    EXPECT_THAT(NotesOf(LesionReportHead(scene.Results(other))), Not(HasSubstr(warning)));
  }
}

TEST(LesionReportHead, SpeaksOfTestsOnlyWhereThereAreSome) {
  EXPECT_THAT(NotesOf(LesionReportHead(Scene({"a", "b"}).Results())), HasSubstr("Mann-Whitney"));
  EXPECT_THAT(NotesOf(LesionReportHead(Scene({"a"}).Results())), Not(HasSubstr("Mann-Whitney")));
}

TEST(LesionReportHead, SaysWhenTheCurveEndsBeforeTheOperatingPoint) {
  const Scene scene({"a"});  // 8 false positives in 4 exams
  MethodResults results = scene.Results();
  EXPECT_THAT(NotesOf(LesionReportHead(results)), Not(HasSubstr("operating point of")));
  results.froc.limit_all_fp = 1.5;
  EXPECT_THAT(NotesOf(LesionReportHead(results)), HasSubstr("operating point of a (2.0)"));
}

TEST(LesionSections, HaveTablesInTheOrderOfThePaper) {
  std::vector<std::string> titles;
  for (const ReportSection& section : LesionSections(Scene({"a", "b"}).Results())) {
    titles.push_back(section.title);
  }
  EXPECT_EQ(titles,
            (std::vector<std::string>{"Results",
                                      "Distributions",
                                      "Tests between methods",
                                      "FROC",
                                      "Detection by lesion volume",
                                      "Total lesion volume",
                                      "Threshold and scores"}));
  for (const ReportSection& section : LesionSections(Scene({"a"}).Results())) {
    EXPECT_NE(section.title, "Tests between methods");
  }
}

// Every brace closed, rows of one length that end, nothing that LaTeX would take for a command.
void ExpectLatexTable(const std::string& latex, std::size_t num_columns) {
  std::istringstream lines(latex);
  std::size_t num_rows = 0;
  for (std::string line; std::getline(lines, line);) {
    int depth = 0;
    std::size_t cells = 1;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool escaped = i > 0 && line[i - 1] == '\\' && !(i > 1 && line[i - 2] == '\\');
      if (escaped) continue;
      depth += line[i] == '{' ? 1 : line[i] == '}' ? -1 : 0;
      cells += line[i] == '&' ? 1 : 0;
      EXPECT_TRUE(std::string("_#~^%").find(line[i]) == std::string::npos) << line;
    }
    EXPECT_EQ(depth, 0) << line;
    if (!line.ends_with("\\\\")) continue;
    EXPECT_EQ(cells, num_columns) << line;
    ++num_rows;
  }
  EXPECT_EQ(num_rows, 1 + 2 * Table1Metrics().size());
  EXPECT_THAT(latex, HasSubstr("\\begin{tabular}{l"));
  EXPECT_THAT(latex, HasSubstr("\\end{tabular}"));
}

const std::vector<std::string>& HardNames() {
  static const std::vector<std::string> kNames = {"my_model", "50 % & more", "a^b~c#{$}<2>\\x"};
  return kNames;
}

TEST(Table1Latex, IsATableForAnyName) {
  ExpectLatexTable(Table1(Scene(HardNames()).comparison, TableFormat::kLatex), 4);
}

TEST(Table1, GivesADashAloneWhereThereIsNoValue) {
  const Comparison none = Scene({"sap"}).comparison;  // without large lesions
  EXPECT_THAT(Table1(none, TableFormat::kMarkdown),
              ::testing::ContainsRegex("Sensitivity, large lesions +[|] - +[|]"));
  EXPECT_THAT(Table1(none, TableFormat::kLatex), HasSubstr("Sensitivity, large lesions & -- "));
}

TEST(Table1Latex, CompilesAndFitsAPage) {
  if (!fs::exists("/usr/bin/pdflatex")) GTEST_SKIP() << "no pdflatex here";
  const fs::path folder = sap::testing::FreshFolder();
  WriteFileAtomically(folder / "page.tex",
                      "\\documentclass{article}\n\\begin{document}\n" +
                          Table1(Scene(HardNames()).comparison, TableFormat::kLatex) +
                          "\\end{document}\n");
  const std::string command = "cd " + folder.string() +
                              " && pdflatex -interaction=nonstopmode -halt-on-error page.tex "
                              ">/dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(ReadFile(folder / "page.log"), Not(HasSubstr("Overfull")));
}

}  // namespace
}  // namespace sap::eval
