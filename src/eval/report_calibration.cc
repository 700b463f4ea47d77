// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "eval/figure_script.h"
#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/calibration.h"

namespace sap::eval {
namespace {

std::string Count(int64_t value) {
  return fmt::format("{}", value);
}

// Small shares need more than three decimals: most voxels are far from 0.5.
std::string Significant(double value) {
  return Cell(value).empty() ? "-" : fmt::format("{:.3g}", value);
}

void AddBins(const std::string& method,
             const std::string& level,
             const Reliability& reliability,
             Table& table) {
  for (std::size_t b = 0; b < reliability.bins().size(); ++b) {
    const Reliability::Bin& bin = reliability.bins()[b];
    table.AddRow({method,
                  level,
                  Count(static_cast<int64_t>(b) + 1),
                  Cell(reliability.Low(b)),
                  Cell(reliability.Low(b + 1)),
                  Count(bin.n),
                  Count(bin.positives),
                  Cell(reliability.MeanP(b)),
                  Cell(reliability.Observed(b))});
  }
}

void AddSummary(const std::string& method,
                const std::string& level,
                const Reliability& r,
                Table& table) {
  table.AddRow({method,
                level,
                Count(r.NumItems()),
                Count(r.NumPositives()),
                Significant(r.BaseRate()),
                Significant(r.MeanP()),
                Significant(r.Ece()),
                Significant(r.Brier()),
                Significant(r.BaseRate() * (1.0 - r.BaseRate()))});
}

nlohmann::json LevelJson(const Reliability& r) {
  return {{"n", r.NumItems()},
          {"positives", r.NumPositives()},
          {"mean_p", Number(r.MeanP())},
          {"ece", Number(r.Ece())},
          {"brier", Number(r.Brier())}};
}

std::string PointsCsv(const Reliability& reliability) {
  Table table({"mean_p", "observed", "n"});
  for (std::size_t b = 0; b < reliability.bins().size(); ++b) {
    const int64_t n = reliability.bins()[b].n;
    if (n > 0) table.AddRow({Cell(reliability.MeanP(b)), Cell(reliability.Observed(b)), Count(n)});
  }
  return table.Csv();
}

}  // namespace

std::string CalibrationCsv(const std::vector<MethodCalibration>& methods) {
  Table table(
      {"method", "level", "bin", "low", "high", "n", "positives", "mean_p", "observed_share"});
  for (const MethodCalibration& m : methods) {
    AddBins(m.method, "voxel", m.voxels, table);
    AddBins(m.method, "candidate", m.candidates, table);
  }
  return table.Csv();
}

std::string CalibrationMarkdown(const std::vector<MethodCalibration>& methods) {
  Table table({"method",
               "of",
               "n",
               "positive",
               "share positive",
               "mean p",
               "ECE",
               "Brier",
               "Brier of the share alone"});
  for (const MethodCalibration& m : methods) {
    AddSummary(m.method, "voxels", m.voxels, table);
    AddSummary(m.method, "candidates", m.candidates, table);
  }
  return table.Markdown();
}

nlohmann::json CalibrationJson(const MethodCalibration& method) {
  return {{"exams_in_region", method.exams_in_region},
          {"exams_whole", method.exams_whole},
          {"voxel", LevelJson(method.voxels)},
          {"candidate", LevelJson(method.candidates)}};
}

Figure CalibrationFigure(const std::vector<MethodCalibration>& methods) {
  Figure figure{.name = "calibration",
                .title = "Calibration",
                .caption =
                    "Share that is lesion against what was said: voxels by probability "
                    "(solid), candidates by score (dashed); the line is perfect."};
  std::vector<std::string> panels;
  for (std::size_t m = 0; m < methods.size(); ++m) {
    const std::string voxels = fmt::format("calibration_voxels_{}.csv", m + 1);
    const std::string candidates = fmt::format("calibration_candidates_{}.csv", m + 1);
    figure.files[voxels] = PointsCsv(methods[m].voxels);
    figure.files[candidates] = PointsCsv(methods[m].candidates);
    const auto line = [&](const std::string& file, int dash, const char* title) {
      return fmt::format(
          "{} using 1:2 skip 1 with linespoints lw 2 pt {} ps 0.6 dt {} lc rgb '{}' title '{}'",
          Quoted(file),
          MethodPoint(m),
          dash,
          MethodColour(m),
          title);
    };
    panels.push_back("  set title " + QuotedLines(Wrapped(methods[m].method, kPanelTitleWidth)) +
                     " noenhanced\n  " +
                     PlotOf({"x with lines lw 1 lc rgb '#8c959f' notitle",
                             line(voxels, 1, "voxels"),
                             line(candidates, 2, "candidates")}));
  }
  figure.files["calibration.gp"] =
      PanelScript(figure.name,
                  kPanelPx,
                  kPanelPx,
                  std::string(kPanelStyle) + kPanelKey +
                      "\n  set size square\n"
                      "  set xrange [0:1]\n  set yrange [0:1]\n"
                      "  set xlabel 'Probability, or score of a candidate'\n"
                      "  set ylabel 'Share that is lesion'\n",
                  panels);
  return figure;
}

}  // namespace sap::eval
