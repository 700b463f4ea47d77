// SPDX-License-Identifier: Apache-2.0
// Figures with one panel per method: volume agreement, threshold and scores.
#include <algorithm>
#include <array>
#include <cmath>

#include "eval/figure_script.h"
#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/figures.h"

namespace sap::eval {
namespace {

constexpr int kNumScoreBins = 20;

std::string Title(const std::string& name, const std::string& detail) {
  std::vector<std::string> lines = Wrapped(name, kPanelTitleWidth);
  lines.push_back(detail);
  return "  set title " + QuotedLines(lines) + " noenhanced\n";
}

// Volumes of every exam and method, so that all panels have one scale.
double LargestMl(const std::vector<LesionSummary>& summaries) {
  double largest = 0;
  for (const LesionSummary& summary : summaries) {
    for (const CaseLesions& one : summary.cases) {
      largest = std::max({largest, one.reference_ml, one.predicted_ml});
    }
  }
  return largest > 0 ? largest : 1.0;
}

std::string VolumesCsv(const LesionSummary& summary) {
  Table table({"case", "reference_ml", "predicted_ml", "mean_ml", "difference_ml"});
  for (const CaseLesions& one : summary.cases) {
    table.AddRow({one.id,
                  Cell(one.reference_ml),
                  Cell(one.predicted_ml),
                  Cell(0.5 * (one.reference_ml + one.predicted_ml)),
                  Cell(one.predicted_ml - one.reference_ml)});
  }
  return table.Csv();
}

std::string PointsOf(const std::string& file, int x, int y, std::size_t m) {
  return fmt::format("{} using {}:{} skip 1 with points pt {} ps 0.8 lc rgb '{}'",
                     Quoted(file),
                     x,
                     y,
                     MethodPoint(m),
                     MethodColour(m));
}

Figure ScatterFigure(const Comparison& comparison, const std::vector<LesionSummary>& summaries) {
  Figure figure{.name = "volume_scatter",
                .title = "Total lesion volume",
                .caption =
                    "One point per exam; the line is perfect agreement. False positives "
                    "count in the predicted volume."};
  const double top = 1.05 * LargestMl(summaries);
  std::vector<std::string> panels;
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    const std::string file = fmt::format("volume_scatter_{}.csv", m + 1);
    figure.files[file] = VolumesCsv(summaries[m]);
    panels.push_back(
        Title(comparison.method_names[m], "ICC(2,1) " + ShortCell(comparison.volume_icc[m].icc)) +
        "  " + PlotOf({"x with lines lw 1 lc rgb '#8c959f'", PointsOf(file, 2, 3, m)}));
  }
  figure.files["volume_scatter.gp"] =
      PanelScript(figure.name,
                  kPanelPx,
                  kPanelPx,
                  fmt::format("{0}  unset key\n  set size square\n  set xrange [0:{1:.4g}]\n"
                              "  set yrange [0:{1:.4g}]\n  set xlabel 'Reference [mL]'\n"
                              "  set ylabel 'Predicted [mL]'\n",
                              kPanelStyle,
                              top),
                  panels);
  return figure;
}

Figure BlandAltmanFigure(const Comparison& comparison,
                         const std::vector<LesionSummary>& summaries) {
  Figure figure{.name = "bland_altman",
                .title = "Bland-Altman",
                .caption =
                    "Predicted minus reference volume against the mean of both. Solid: "
                    "bias; dashed: limits of agreement (1.96 standard deviations)."};
  double reach = 0;
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    const BlandAltman& limits = comparison.volume_difference[m];
    for (const double y : {limits.low, limits.high}) {
      if (std::isfinite(y)) reach = std::max(reach, std::abs(y));
    }
    for (const CaseLesions& one : summaries[m].cases) {
      reach = std::max(reach, std::abs(one.predicted_ml - one.reference_ml));
    }
  }
  reach = reach > 0 ? 1.08 * reach : 1.0;
  std::vector<std::string> panels;
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    const std::string file = fmt::format("bland_altman_{}.csv", m + 1);
    figure.files[file] = VolumesCsv(summaries[m]);
    const BlandAltman& limits = comparison.volume_difference[m];
    std::vector<std::string> drawings = {"0 with lines lw 1 lc rgb '#8c959f'"};
    const auto level = [&](double y, int dash) {
      if (!std::isfinite(y)) return;
      drawings.push_back(
          fmt::format("{:.6g} with lines lw 1.5 dt {} lc rgb '{}'", y, dash, MethodColour(m)));
    };
    level(limits.bias, 1);
    level(limits.low, 2);
    level(limits.high, 2);
    drawings.push_back(PointsOf(file, 4, 5, m));
    panels.push_back(Title(comparison.method_names[m],
                           fmt::format("bias {} [{}, {}] mL",
                                       ShortCell(limits.bias),
                                       ShortCell(limits.low),
                                       ShortCell(limits.high))) +
                     "  " + PlotOf(drawings));
  }
  figure.files["bland_altman.gp"] =
      PanelScript(figure.name,
                  kPanelPx,
                  kPanelPx,
                  fmt::format("{0}  unset key\n  set xrange [0:{1:.4g}]\n"
                              "  set yrange [{2:.4g}:{3:.4g}]\n"
                              "  set xlabel 'Mean of both [mL]'\n"
                              "  set ylabel 'Predicted - reference [mL]'\n",
                              kPanelStyle,
                              1.05 * LargestMl(summaries),
                              -reach,
                              reach),
                  panels);
  return figure;
}

// Columns: threshold, objective, one per tuning patient.
std::string TuningCsv(const ThresholdChoice& choice) {
  std::vector<std::string> header = {"threshold", "objective"};
  header.insert(header.end(), choice.case_ids.begin(), choice.case_ids.end());
  Table table(header);
  for (std::size_t t = 0; t < choice.thresholds.size(); ++t) {
    std::vector<std::string> row = {Cell(choice.thresholds[t]), Cell(choice.objectives[t])};
    for (const auto& f2 : choice.f2) row.push_back(Cell(f2[t]));
    table.AddRow(std::move(row));
  }
  return table.Csv();
}

// Dotted, from bottom to top.
std::string ThresholdLine(double threshold) {
  return fmt::format(
      "  set arrow 1 from {0:g}, graph 0 to {0:g}, graph 1 nohead dt 3 lw 2 lc rgb '#57606a' "
      "front\n",
      threshold);
}

std::string ThresholdPanel(const std::string& name,
                           const ThresholdChoice& choice,
                           const std::string& file,
                           std::size_t m) {
  std::vector<std::string> drawings;
  for (std::size_t i = 0; i < choice.case_ids.size(); ++i) {
    drawings.push_back(fmt::format("{} using 1:{} skip 1 with lines lw 1 lc rgb '#b6bcc4' {}",
                                   Quoted(file),
                                   i + 3,
                                   i == 0 ? "title 'one patient'" : "notitle"));
  }
  drawings.push_back(
      fmt::format("{} using 1:2 skip 1 with lines lw 3 lc rgb '{}' title 'objective'",
                  Quoted(file),
                  MethodColour(m)));
  return Title(name,
               fmt::format("threshold {:g}, F2 {}, {} patients",
                           choice.threshold,
                           ShortCell(choice.objective),
                           choice.num_cases)) +
         ThresholdLine(choice.threshold) + "  " + PlotOf(drawings);
}

std::string ScoresCsv(const LesionSummary& summary, std::array<int64_t, 2>& numbers) {
  std::array<std::array<int64_t, kNumScoreBins>, 2> counts{};
  numbers = {};
  for (const CaseLesions& one : summary.cases) {
    for (const Candidate& candidate : one.match.candidates) {
      const std::size_t kind = candidate.false_positive ? 1 : 0;
      const auto bin = std::clamp<int64_t>(
          static_cast<int64_t>(std::floor(candidate.score * kNumScoreBins + 1e-9)),
          0,
          kNumScoreBins - 1);
      ++counts[kind][static_cast<std::size_t>(bin)];
      ++numbers[kind];
    }
  }
  Table table({"score_from", "score_to", "match_a_lesion", "false_positives"});
  for (int b = 0; b < kNumScoreBins; ++b) {
    const auto bin = static_cast<std::size_t>(b);
    table.AddRow({Cell(static_cast<double>(b) / kNumScoreBins),
                  Cell(static_cast<double>(b + 1) / kNumScoreBins),
                  fmt::format("{}", counts[0][bin]),
                  fmt::format("{}", counts[1][bin])});
  }
  return table.Csv();
}

}  // namespace

std::vector<Figure> AgreementFigures(const Comparison& comparison,
                                     const std::vector<LesionSummary>& summaries) {
  return {ScatterFigure(comparison, summaries), BlandAltmanFigure(comparison, summaries)};
}

std::optional<Figure> ThresholdFigure(const std::vector<std::string>& names,
                                      const std::vector<std::optional<ThresholdChoice>>& tunings) {
  Figure figure{.name = "threshold",
                .title = "F2 of the tuning patients",
                .caption =
                    "Dotted: the threshold of the largest objective; ties go to the "
                    "largest threshold."};
  std::vector<std::string> panels;
  for (std::size_t m = 0; m < tunings.size(); ++m) {
    if (!tunings[m]) continue;
    const std::string file = fmt::format("threshold_{}.csv", m + 1);
    figure.files[file] = TuningCsv(*tunings[m]);
    panels.push_back(ThresholdPanel(names[m], *tunings[m], file, m));
  }
  if (panels.empty()) return std::nullopt;
  figure.files["threshold.gp"] = PanelScript(
      figure.name,
      kPanelPx,
      kPanelPx + 40,
      std::string(kPanelStyle) +
          "  set xrange [0:1]\n  set yrange [0:1.02]\n  set xtics 0,0.2,1\n"
          "  set ytics 0,0.2,1\n  set xlabel 'Threshold' offset 0,0.7\n  set ylabel 'F2'\n" +
          kPanelKey + "\n",
      panels);
  return figure;
}

Figure ScoreFigure(const std::vector<std::string>& names,
                   const std::vector<LesionSummary>& summaries) {
  Figure figure{.name = "scores",
                .title = "Scores of candidates",
                .caption =
                    "The score is the candidate's largest probability; candidates at the "
                    "operating threshold."};
  std::vector<std::string> panels;
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    const std::string file = fmt::format("scores_{}.csv", m + 1);
    std::array<int64_t, 2> numbers{};
    figure.files[file] = ScoresCsv(summaries[m], numbers);
    const auto bars = [&](int column, double shift, const char* style, const std::string& title) {
      return fmt::format("{} using ($1+{:g}):{} skip 1 with boxes {} title {}",
                         Quoted(file),
                         shift,
                         column,
                         style,
                         Quoted(title));
    };
    const std::string matched = bars(3,
                                     0.0145,
                                     "fc rgb '#0072B2' fs solid border lc rgb '#0072B2'",
                                     fmt::format("match a lesion ({})", numbers[0]));
    const std::string false_positives =
        bars(4,
             0.0355,
             "fc rgb '#D55E00' fs pattern 4 border lc rgb '#D55E00'",
             fmt::format("false positives ({})", numbers[1]));
    panels.push_back(Title(names[m], fmt::format("threshold {:g}", summaries[m].threshold)) +
                     ThresholdLine(summaries[m].threshold) + "  " +
                     PlotOf({matched, false_positives}));
  }
  figure.files["scores.gp"] = PanelScript(
      figure.name,
      kPanelPx,
      kPanelPx + 60,
      std::string(kPanelStyle) +
          "  set xrange [0:1]\n  set yrange [0:*]\n  set xtics 0,0.2,1\n  set boxwidth 0.018\n"
          "  set xlabel 'Score' offset 0,0.7\n  set ylabel 'Candidates'\n" +
          kPanelKey + " maxcols 1 Left reverse\n",
      panels);
  return figure;
}

}  // namespace sap::eval
