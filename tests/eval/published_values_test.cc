// SPDX-License-Identifier: Apache-2.0
// configs/published_values.yaml, and the tables that show it.
#include <algorithm>
#include <regex>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/method_summary.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/eval/published.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;
using testing::MethodSummary;
using ::testing::Not;

std::string PublishedFile() {
  return (fs::path(SAP_SOURCE_DIR) / "configs" / "published_values.yaml").string();
}

// Numbers that stand as values, found by their looks alone: no comments, no quoted words, no keys.
std::vector<double> NumbersIn(const std::string& yaml) {
  std::string text = std::regex_replace(yaml, std::regex("\"[^\"]*\""), "words");
  text = std::regex_replace(text, std::regex("#[^\n]*"), "");
  std::vector<double> numbers;
  const std::regex value("[:\\[,] *(-?[0-9]+(\\.[0-9]+)?)(?=[ ,}\\]\n])");
  for (std::sregex_iterator it(text.begin(), text.end(), value), end; it != end; ++it) {
    numbers.push_back(std::stod((*it)[1]));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<double> NumbersOf(const PublishedValues& published) {
  std::vector<double> numbers;
  for (const PublishedValue& value : published.values) {
    numbers.insert(numbers.end(), value.numbers.begin(), value.numbers.end());
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

const PublishedValues& Published() {
  static const PublishedValues kPublished = ReadPublishedValues(ParseConfigFile(PublishedFile()));
  return kPublished;
}

TEST(PublishedValues, EveryNumberOfTheFileIsRead) {
  const std::vector<double> expected = NumbersIn(ReadFile(PublishedFile()));
  EXPECT_EQ(NumbersOf(Published()), expected);
  EXPECT_EQ(expected.size(), 218U);
}

TEST(PublishedValues, TheFileHoldsEveryNumberOfTheSpecification) {
  SAP_REQUIRE_SHARED(file, "specs/evaluation.md");
  const std::string text = ReadFile(file);
  const std::size_t begin = text.find("```yaml\nsource:");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = text.find("```", begin + 8);
  EXPECT_EQ(NumbersIn(text.substr(begin + 8, end - begin - 8)), NumbersOf(Published()));
}

TEST(PublishedValues, EveryValueStandsInATable) {
  const std::string tables = PublishedMarkdown(Published(), {});
  for (const PublishedValue& value : Published().values) {
    for (const double number : value.numbers) {
      const std::string digits = value.path[0] != "table1" && number == static_cast<int64_t>(number)
                                     ? fmt::format("{:g}", number)
                                     : fmt::format("{:.3f}", number);
      EXPECT_THAT(tables, HasSubstr(digits)) << value.Key();
    }
    if (value.numbers.empty()) {
      EXPECT_THAT(tables, HasSubstr(value.text)) << value.Key();
    }
  }
  // One row for each, but for preprint values that stand beside the paper's.
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = tables.find("not reproduced here", at)) != std::string::npos;
       ++at) {
    ++rows;
  }
  EXPECT_EQ(rows, Published().values.size() - 6);
}

TEST(PublishedValues, ThePreprintIsNeverMixedWithThePaper) {
  const std::string tables = PublishedMarkdown(Published(), {});
  const std::size_t row = tables.find("| detection all: f2 ", 0);
  const std::string line = tables.substr(row, tables.find('\n', row) - row);
  const std::size_t paper = line.find("0.259 [0.152-0.286] (0.139-0.333)");
  const std::size_t preprint = line.find("0.240");
  ASSERT_NE(paper, std::string::npos);
  ASSERT_NE(preprint, std::string::npos);
  const std::string between = line.substr(paper, preprint - paper);
  EXPECT_EQ(std::count(between.begin(), between.end(), '|'), 3);
}

std::string RowWith(const std::string& table, const std::string& begin, const std::string& method) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| " + begin) && line.find("| " + method + " ") != std::string::npos) {
      return std::regex_replace(line, std::regex(" +"), " ");
    }
  }
  return "";
}

TEST(PublishedValues, ReproducedOnesHaveADifferenceAndAreInsideOrNot) {
  const PublishedValues published = ReadPublishedValues(
      ParseConfigText("table1: {detection_all: {f2: {sap: [0.4, 0.3, 0.9, 0.2, 0.6], "
                      "ssl: [0.4, 0.3, 0.9, 0.2, 0.6]}}}\nfroc_auc_all_15fppi: {sap: 7.10}",
                      "values.yaml"));
  const LesionSummary summary = MethodSummary({1, 1, 2}, {0, 0, 0});
  const Comparison comparison = CompareMethods({"sap"}, {summary});
  const std::string table = PublishedMarkdown(
      published,
      ReproducedValues(
          comparison, {summary}, {CurvesOf("sap", summary, {.band_resamples = 0})}, {}));
  // F2 of one of two lesions: 5 / 9.
  EXPECT_THAT(
      RowWith(table, "detection all: f2", "sap"),
      HasSubstr("| 0.556 [0.556-1.000] | 0.400 [0.300-0.900] (0.200-0.600) | 0.156 | yes |"));
  EXPECT_THAT(RowWith(table, "detection all: f2", "ssl"), HasSubstr("| not reproduced here |"));
  // Sensitivity 4 / 6 at no false positive, held to 15: 10.
  EXPECT_THAT(RowWith(table, "froc auc", "sap"), HasSubstr("| 10 | 7.100 | 2.900 | - |"));
  EXPECT_TRUE(published.HasMethod("ssl"));
  EXPECT_FALSE(published.HasMethod("baseline"));
}

// The region names of our label table (sap/data/labels.h).
TEST(PublishedValues, OfTheSkeletonAreReproducedByRegion) {
  const std::vector<std::string> regions = {"background",
                                            "cervical_spine",
                                            "thoracic_spine",
                                            "lumbar_spine",
                                            "pelvis",
                                            "femurs",
                                            "humeri",
                                            "scapulae",
                                            "clavicles",
                                            "sternum"};
  const Tensor labels_XYZ = at::arange(10, at::kShort).view({10, 1, 1});
  const SkeletonSummary summary = EvaluateSkeleton(
      1,
      [&](std::size_t) {
        return LabelPair{"scan", labels_XYZ, labels_XYZ};
      },
      regions);
  const Reproductions reproduced = ReproducedValues(summary);
  int64_t num_regions = 0;
  for (const PublishedValue& value : Published().values) {
    if (value.path[0] != "skeleton_dice") continue;
    ++num_regions;
    EXPECT_EQ(reproduced.at(value.Key()).value, 1.0) << value.Key();
  }
  EXPECT_EQ(num_regions, 11);  // nine, merged, and the number of scans
  EXPECT_EQ(PublishedSections(Published(), reproduced, PublishedTables::kTouched).size(), 1U);
}

TEST(PublishedValues, OfAnotherLimitAreNotReproduced) {
  const LesionSummary summary = MethodSummary({1}, {0});
  const FrocOptions options{.limit_all_fp = 8};
  EXPECT_FALSE(ReproducedValues(CompareMethods({"sap"}, {summary}),
                                {summary},
                                {CurvesOf("sap", summary, options)},
                                options)
                   .contains("froc_auc_all_15fppi.sap"));
}

TEST(PublishedValues, NameTheLineOfAFault) {
  for (const char* text : {"table1:\n  s:\n    m: {sap: [1, 2]}\n",
                           "table1:\n  s:\n    m: {sap: [1, 2, x, 4, 5]}\n"}) {
    try {
      ReadPublishedValues(ParseConfigText(text, "values.yaml"));
      FAIL() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kOption);
      EXPECT_THAT(error.what(), HasSubstr("values.yaml:3"));
    }
  }
}

TEST(AltmanWord, HasThePapersWordsForThePapersValues) {
  EXPECT_EQ(AltmanWord(0.309), "fair");
  EXPECT_EQ(AltmanWord(0.608), "good");
  EXPECT_EQ(AltmanWord(0.649), "good");
}

}  // namespace
}  // namespace sap::eval
