// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/figures.h"

#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/figure_script.h"
#include "eval/method_summary.h"
#include "sap/core/files.h"
#include "sap/core/gnuplot.h"
#include "sap/core/tables.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;
using testing::MethodSummary;
using ::testing::Not;

TEST(TukeyBox, WhiskersReachTheOutermostValuesWithinOneAndAHalfBoxes) {
  // Quartiles 2 and 4: whiskers may reach from -1 to 7.
  const BoxStats box = TukeyBox(std::vector<double>{100, 1, 3, 2, 4});
  EXPECT_EQ(box.low, 1);
  EXPECT_EQ(box.q25, 2);
  EXPECT_EQ(box.median, 3);
  EXPECT_EQ(box.q75, 4);
  EXPECT_EQ(box.high, 4);
  const BoxStats touching = TukeyBox(std::vector<double>{-1, 2, 2, 3, 4, 4, 7});
  EXPECT_EQ(touching.low, -1);
  EXPECT_EQ(touching.high, 7);
}

TEST(SwarmOffsets, EqualValuesStandBesideEachOther) {
  const std::vector<double> values = {0.5, 0.9, 0.5, 0.5, 0.5};
  const std::vector<double> offsets = SwarmOffsets(values, 1.0, 0.2);
  EXPECT_EQ(offsets[0], 0);
  EXPECT_EQ(offsets[1], 0);
  std::map<double, int> places;
  for (const std::size_t i : {0U, 2U, 3U, 4U}) {
    ++places[offsets[i]];
    EXPECT_LE(std::abs(offsets[i]), 0.2);
  }
  EXPECT_EQ(places.size(), 4U);
}

TEST(SwarmOffsets, ManyValuesStayWithinTheirBox) {
  for (const double offset : SwarmOffsets(std::vector<double>(501, 1.0), 1.0, 0.24)) {
    EXPECT_LE(std::abs(offset), 0.24 + 1e-12);
  }
}

Comparison Compared(const std::vector<LesionSummary>& summaries,
                    const std::vector<std::string>& names) {
  return CompareMethods(names, summaries, {.bootstrap_resamples = 50});
}

const Figure& Named(const std::vector<Figure>& figures, const std::string& name) {
  for (const Figure& figure : figures) {
    if (figure.name == name) return figure;
  }
  throw std::runtime_error(name);
}

TEST(BoxFigures, ShowEveryValueItsNumberAndTheStars) {
  const std::vector<LesionSummary> summaries = {
      MethodSummary({0, 0, 0, 0, 0, 0, 0, 0}, std::vector<int>(8, 1)),
      MethodSummary({2, 2, 2, 2, 2, 2, 2, 2}, std::vector<int>(8, 1)),
      MethodSummary({2, 2, 2, 2, 2, 2, 2, 2}, std::vector<int>(8, 0))};
  const std::vector<Figure> figures =
      BoxFigures(Compared(summaries, {"none", "it's all", "clean"}), summaries);
  const Figure& figure = Named(figures, "box_sensitivity");
  EXPECT_EQ(ParseCsv(figure.files.at("box_sensitivity_points_2.csv")).size(), 9U);
  const std::string& script = figure.files.at("box_sensitivity.gp");
  EXPECT_THAT(script, HasSubstr("'none'.\"\\n\".'n = 8' 1"));
  EXPECT_THAT(script, HasSubstr("'it''s all'.\"\\n\".'n = 8' 2"));
  // Eight differences of one sign: p = 2 / 2^8, three pairs: 0.023.
  EXPECT_THAT(script, HasSubstr("set label '*' at 1.5,"));
  EXPECT_THAT(script, HasSubstr("set label 'n.s.' at 2.5,"));
  // Without any detected lesion a method has no box of Dice, and the others keep their places.
  const Figure& dice = Named(figures, "box_dice");
  EXPECT_FALSE(dice.files.contains("box_dice_box_1.csv"));
  EXPECT_EQ(ParseCsv(dice.files.at("box_dice_box_2.csv"))[1][0], "2");
}

TEST(FrocFigure, CurvesEndAtTheirLimit) {
  MethodCurves curves{.name = "a method"};
  curves.all.points = {{0, 0}, {1, 0.4}, {3, 0.8}};
  curves.large.points = {{0, 0}, {1, 0.5}};
  curves.all.num_lesions = curves.large.num_lesions = 10;
  const Figure figure = FrocFigure({curves}, {.limit_all_fp = 2, .limit_large_fp = 4}, 1.0);
  const auto all = ParseCsv(figure.files.at("froc_all_1.csv"));
  EXPECT_EQ(all.back()[0], "2");
  EXPECT_DOUBLE_EQ(std::stod(all.back()[1]), 0.6);  // half-way from 0.4 to 0.8
  const auto large = ParseCsv(figure.files.at("froc_large_1.csv"));
  EXPECT_EQ(large.back(), (std::vector<std::string>{"4", "0.5", "", ""}));
  EXPECT_THAT(figure.files.at("froc.gp"), HasSubstr("'a method, all: 0.700'"));
}

TEST(FrocFigure, ShadesTheBandOfAllLesionsWhereThereIsOne) {
  MethodCurves curves{.name = "a"};
  const FrocPoint begin{.band = {0, 0}};
  const FrocPoint far{.fp_per_exam = 4, .sensitivity = 0.8, .band = {0.6, 1.0}};
  curves.all.points = {begin, far};
  curves.large.points = {begin};
  curves.all.num_lesions = 10;
  curves.all_intervals.area = {0.5, 1.25};
  const Figure figure = FrocFigure({curves}, {.limit_all_fp = 2}, 1.0);
  const std::vector<std::string> end = {"2", "0.4", "0.3", "0.5"};
  EXPECT_EQ(ParseCsv(figure.files.at("froc_all_1.csv")).back(), end);
  EXPECT_THAT(figure.files.at("froc.gp"), HasSubstr("using 1:3:4 skip 1 with filledcurves"));
  EXPECT_THAT(figure.files.at("froc.gp"), HasSubstr("'a, all: 0.400 [0.500-1.250]'"));
  curves.all.points[0].band = curves.all.points[1].band = kNoInterval;
  EXPECT_THAT(FrocFigure({curves}, {}, 1.0).files.at("froc.gp"), Not(HasSubstr("filledcurves")));
}

TEST(VolumeFigure, HistogramIsTheShareOfLesionsAtLeastThatLarge) {
  const LesionSummary summary = MethodSummary({1, 2}, {0, 0});  // four lesions of 0.008 mL
  const Figure figure = VolumeFigure({CurvesOf("a", summary, {})}, summary);
  const auto rows = ParseCsv(figure.files.at("volume_curve_lesions.csv"));
  EXPECT_EQ(rows[1][2], "0");  // none of 0.01 mL
  EXPECT_EQ(std::stod(rows.back()[1]), 20.0);
  EXPECT_THAT(figure.files.at("volume_curve.gp"), HasSubstr("arrow from 1, graph 0"));
}

TEST(ThresholdFigure, IsAbsentWithoutTuning) {
  EXPECT_FALSE(ThresholdFigure({"a"}, {std::nullopt}).has_value());
  ThresholdChoice choice{.threshold = 0.3, .objective = 0.5, .num_cases = 1};
  choice.thresholds = {0.3, 0.6};
  choice.objectives = {0.5, 0.4};
  choice.case_ids = {"case"};
  choice.f2 = {{0.5, std::nan("")}};
  const auto figure = ThresholdFigure({"a", "b"}, {std::nullopt, choice});
  ASSERT_TRUE(figure.has_value());
  EXPECT_FALSE(figure->files.contains("threshold_1.csv"));
  EXPECT_EQ(ParseCsv(figure->files.at("threshold_2.csv"))[2],
            (std::vector<std::string>{"0.6", "0.4", ""}));
}

TEST(ScoreFigure, CountsEveryCandidateOnce) {
  const LesionSummary summary = MethodSummary({1, 2}, {3, 0});
  const Figure figure = ScoreFigure({"a"}, {summary});
  const auto rows = ParseCsv(figure.files.at("scores_1.csv"));
  int matched = 0;
  int false_positives = 0;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    matched += std::stoi(rows[r][2]);
    false_positives += std::stoi(rows[r][3]);
  }
  EXPECT_EQ(matched, 3);
  EXPECT_EQ(false_positives, 3);
  EXPECT_EQ(rows[1 + 12][3], "3");  // scores of 0.6 begin the bin 0.60 to 0.65
}

TEST(Wrapped, BreaksLongNamesAtSeparatorsAndKeepsEveryCharacter) {
  const std::string name = "baseline_with_a_long_name-and-nothingwheretobreakitnicely";
  std::string joined;
  for (const std::string& line : Wrapped(name, 16)) {
    EXPECT_LE(line.size(), 16U);
    joined += line;
  }
  EXPECT_EQ(joined, name);
  EXPECT_EQ(Wrapped(name, 16)[0], "baseline_with_a_");
}

// Names that gnuplot or XML could take amiss.
TEST(Figures, AreDrawnForAnyName) {
  if (!fs::exists("/usr/bin/gnuplot")) GTEST_SKIP() << "no gnuplot here";
  const std::vector<std::string> names = {
      "it's_{a}^long`date`name & <more> of it", "$HOME \\n @x", "sap"};
  const std::vector<LesionSummary> summaries = {MethodSummary({0, 1, 2, 1}, {1, 0, 2, 3}),
                                                MethodSummary({0, 0, 0, 0}, {0, 0, 0, 0}),
                                                MethodSummary({2, 2, 2, 2}, {4, 0, 1, 1})};
  std::vector<MethodCurves> curves;
  for (std::size_t m = 0; m < 3; ++m) curves.push_back(CurvesOf(names[m], summaries[m], {}));
  const Comparison comparison = Compared(summaries, names);
  std::vector<Figure> figures = BoxFigures(comparison, summaries);
  figures.push_back(FrocFigure(curves, {}, 1.0));
  figures.push_back(VolumeFigure(curves, summaries[0]));
  for (Figure& figure : AgreementFigures(comparison, summaries)) figures.push_back(figure);
  figures.push_back(ScoreFigure(names, summaries));
  const fs::path folder = sap::testing::FreshFolder();
  for (const Figure& figure : figures) {
    for (const auto& [name, text] : figure.files) WriteFileAtomically(folder / name, text);
    ASSERT_TRUE(RunGnuplot(folder, figure.name + ".gp")) << figure.name;
    const std::string svg = ReadFile(folder / (figure.name + ".svg"));
    EXPECT_THAT(svg, HasSubstr("</svg>")) << figure.name;
    EXPECT_THAT(svg, Not(HasSubstr("<more>"))) << figure.name;
    EXPECT_EQ(ReadFile(folder / (figure.name + ".pdf")).substr(0, 5), "%PDF-") << figure.name;
  }
}

}  // namespace
}  // namespace sap::eval
