// SPDX-License-Identifier: Apache-2.0
// Fig. 4: box plots with all points, numbers and stars.
#include <algorithm>
#include <cmath>
#include <map>

#include "eval/figure_script.h"
#include "eval/report_text.h"
#include "sap/core/error.h"
#include "sap/core/tables.h"
#include "sap/eval/figures.h"

namespace sap::eval {
namespace {

constexpr double kBoxHalfWidth = 0.28;
constexpr std::size_t kTicWidth = 12;      // letters below a box
constexpr std::size_t kMaxPairsShown = 6;  // with more, only differences that reach a star

struct Axis {
  double step = 0.2;
  double top = 1.0;
};

// From 0 to a round number: 1 for shares.
Axis AxisFor(double largest) {
  if (largest <= 1.0) return {};
  double step = std::pow(10.0, std::floor(std::log10(largest / 5)));
  if (5 * step < largest / 2) step *= 5;
  if (5 * step < largest) step *= 2;
  step = std::max(step, 1.0);
  return {.step = step, .top = step * std::ceil(largest / step)};
}

struct Bracket {
  std::size_t first = 0;
  std::size_t second = 0;
  std::size_t level = 0;
  std::string stars;
};

// Brackets of one level share no more than an end.
std::vector<Bracket> Brackets(const MetricComparison& row) {
  std::vector<Bracket> brackets;
  for (const PairTest& pair : row.tests) {
    if (std::isnan(pair.adjusted_p)) continue;
    const std::string stars = Stars(pair.adjusted_p);
    if (row.tests.size() > kMaxPairsShown && stars == "n.s.") continue;
    brackets.push_back({pair.first, pair.second, 0, stars});
  }
  std::stable_sort(brackets.begin(), brackets.end(), [](const Bracket& a, const Bracket& b) {
    return a.second - a.first < b.second - b.first;
  });
  for (std::size_t i = 0; i < brackets.size(); ++i) {
    std::vector<bool> taken(brackets.size());
    for (std::size_t k = 0; k < i; ++k) {
      const bool apart =
          brackets[k].second <= brackets[i].first || brackets[i].second <= brackets[k].first;
      if (!apart) taken[brackets[k].level] = true;
    }
    brackets[i].level =
        static_cast<std::size_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
  }
  return brackets;
}

std::string BracketLines(const std::vector<Bracket>& brackets, const Axis& axis) {
  std::string text;
  const auto line = [&](double x1, double y1, double x2, double y2) {
    text += fmt::format("  set arrow from {:g},{:g} to {:g},{:g} nohead lc rgb '#57606a'\n",
                        x1,
                        y1 * axis.top,
                        x2,
                        y2 * axis.top);
  };
  for (const Bracket& bracket : brackets) {
    const double y = 1.07 + 0.1 * static_cast<double>(bracket.level);
    const double left = static_cast<double>(bracket.first) + 1.05;
    const double right = static_cast<double>(bracket.second) + 0.95;
    line(left, y, right, y);
    line(left, y, left, y - 0.025);
    line(right, y, right, y - 0.025);
    text += fmt::format("  set label {} at {:g},{:g} center noenhanced\n",
                        Quoted(bracket.stars),
                        0.5 * (left + right),
                        (y + 0.035) * axis.top);
  }
  return text;
}

std::string BoxCsv(const BoxStats& box, std::size_t m) {
  Table table({"x", "q25", "whisker_low", "whisker_high", "q75", "median"});
  table.AddRow({fmt::format("{}", m + 1),
                Cell(box.q25),
                Cell(box.low),
                Cell(box.high),
                Cell(box.q75),
                Cell(box.median)});
  return table.Csv();
}

// One method: its data files and the drawings of its box, median and points.
void AddMethod(const std::string& name,
               std::size_t m,
               const LesionSummary& summary,
               const std::vector<std::vector<double>>& exams,
               double span,
               Figure& figure,
               std::vector<std::string>& drawings) {
  std::vector<double> values;
  for (const auto& one : exams) values.insert(values.end(), one.begin(), one.end());
  if (values.empty()) return;
  const std::string points_file = fmt::format("{}_points_{}.csv", name, m + 1);
  const std::string box_file = fmt::format("{}_box_{}.csv", name, m + 1);
  const std::vector<double> offsets = SwarmOffsets(values, span, kBoxHalfWidth - 0.04);
  Table table({"case", "value", "x"});
  std::size_t k = 0;
  for (std::size_t i = 0; i < exams.size(); ++i) {
    for (const double value : exams[i]) {
      table.AddRow({summary.cases[i].id,
                    Cell(value),
                    fmt::format("{:.4f}", static_cast<double>(m + 1) + offsets[k++])});
    }
  }
  figure.files[points_file] = table.Csv();
  figure.files[box_file] = BoxCsv(TukeyBox(values), m);
  const std::string colour = MethodColour(m);
  drawings.push_back(
      fmt::format("{} using 1:2:3:4:5 skip 1 with candlesticks lw 1.5 lc rgb '{}' fs transparent "
                  "solid 0.12 border whiskerbars 0.5",
                  Quoted(box_file),
                  colour));
  drawings.push_back(
      fmt::format("{} using 1:6:6:6:6 skip 1 with candlesticks lw 3 lc rgb '{}' fs empty",
                  Quoted(box_file),
                  colour));
  drawings.push_back(fmt::format("{} using 3:2 skip 1 with points pt {} ps 0.45 lc rgb '#60{}'",
                                 Quoted(points_file),
                                 MethodPoint(m),
                                 colour.substr(1)));
}

Figure BoxFigure(const MetricComparison& row,
                 const std::vector<std::string>& names,
                 const std::vector<LesionSummary>& summaries) {
  Figure figure{
      .name = "box_" + row.metric.name,
      .title = row.metric.title,
      .caption = row.metric.per_lesion ? "One point per detected lesion." : "One point per exam."};
  std::vector<std::vector<std::vector<double>>> exams;
  double largest = 0;
  for (const LesionSummary& summary : summaries) {
    exams.push_back(ValuesOfExams(summary, row.metric));
    for (const auto& one : exams.back()) {
      for (const double value : one) largest = std::max(largest, value);
    }
  }
  const Axis axis = AxisFor(largest);
  std::string tics;
  std::size_t tic_lines = 0;
  std::vector<std::string> drawings;
  for (std::size_t m = 0; m < names.size(); ++m) {
    AddMethod(figure.name, m, summaries[m], exams[m], axis.top, figure, drawings);
    std::vector<std::string> lines = Wrapped(names[m], kTicWidth);
    lines.push_back(fmt::format("n = {}", row.methods[m].distribution.n));
    tic_lines = std::max(tic_lines, lines.size());
    tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ", QuotedLines(lines), m + 1);
  }
  if (drawings.empty()) return {};
  const std::vector<Bracket> brackets = Brackets(row);
  std::size_t levels = 0;
  for (const Bracket& bracket : brackets) levels = std::max(levels, bracket.level + 1);
  std::string body = fmt::format(
      "  unset key\n  set border 3\n  set bmargin {}\n  set grid ytics lt 1 lc rgb '#e4e7eb'\n"
      "  set xtics nomirror noenhanced scale 0 ({})\n  set ytics nomirror 0,{:g},{:g}\n"
      "  set ylabel {} noenhanced\n  set xrange [0.5:{}.5]\n  set yrange [0:{:g}]\n"
      "  set boxwidth {:g}\n",
      tic_lines + 1,
      tics,
      axis.step,
      axis.top,
      Quoted(row.metric.title),
      names.size(),
      axis.top * (levels > 0 ? 1.06 + 0.1 * static_cast<double>(levels) : 1.03),
      2 * kBoxHalfWidth);
  body += BracketLines(brackets, axis) + "  " + PlotOf(drawings);
  figure.files[figure.name + ".gp"] =
      FigureScript(figure.name,
                   std::max(280, 84 + 90 * static_cast<int>(names.size())),
                   290 + 28 * static_cast<int>(levels) + 18 * static_cast<int>(tic_lines),
                   body);
  return figure;
}

}  // namespace

BoxStats TukeyBox(std::span<const double> values) {
  SAP_CHECK(!values.empty());
  BoxStats box{.q25 = Quantile(values, 0.25),
               .median = Quantile(values, 0.5),
               .q75 = Quantile(values, 0.75)};
  const double reach = 1.5 * (box.q75 - box.q25);
  box.low = box.q25;
  box.high = box.q75;
  for (const double value : values) {
    if (value >= box.q25 - reach) box.low = std::min(box.low, value);
    if (value <= box.q75 + reach) box.high = std::max(box.high, value);
  }
  return box;
}

std::vector<double> SwarmOffsets(std::span<const double> values, double span, double half_width) {
  constexpr double kBinsPerSpan = 50;
  constexpr double kPointWidth = 0.06;
  std::map<int64_t, std::vector<std::size_t>> bins;
  for (std::size_t i = 0; i < values.size(); ++i) {
    bins[std::llround(values[i] / span * kBinsPerSpan)].push_back(i);
  }
  std::vector<double> offsets(values.size());
  for (const auto& [bin, members] : bins) {
    const auto sides = static_cast<double>(members.size() / 2);
    const double step = sides > 0 ? std::min(kPointWidth, half_width / sides) : 0;
    for (std::size_t k = 0; k < members.size(); ++k) {
      const double place = static_cast<double>((k + 1) / 2) * step;
      offsets[members[k]] = k % 2 == 1 ? place : -place;
    }
  }
  return offsets;
}

std::vector<Figure> BoxFigures(const Comparison& comparison,
                               const std::vector<LesionSummary>& summaries) {
  std::vector<Figure> figures;
  for (const MetricComparison& row : comparison.metrics) {
    Figure figure = BoxFigure(row, comparison.method_names, summaries);
    if (!figure.files.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace sap::eval
