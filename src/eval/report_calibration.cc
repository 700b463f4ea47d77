// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

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

std::map<std::string, std::string> CalibrationFigure(
    const std::vector<MethodCalibration>& methods) {
  std::map<std::string, std::string> files;
  std::string script =
      "set terminal svg size 640,480 dynamic font 'sans,12' background 'white'\n"
      "set output 'calibration.svg'\nset datafile separator ','\nset grid\n"
      "set key top left noenhanced\nset xlabel 'probability, or score of a candidate'\n"
      "set ylabel 'share that is lesion'\nset xrange [0:1]\nset yrange [0:1]\n"
      "plot x with lines lc 'gray' dt 2 title 'as it says'";
  for (std::size_t m = 0; m < methods.size(); ++m) {
    std::string title;  // gnuplot doubles a quote inside single quotes
    for (const char c : methods[m].method) title += c == '\'' ? "''" : std::string(1, c);
    const std::string voxels = fmt::format("calibration_voxels_{}.csv", m + 1);
    const std::string candidates = fmt::format("calibration_candidates_{}.csv", m + 1);
    files[voxels] = PointsCsv(methods[m].voxels);
    files[candidates] = PointsCsv(methods[m].candidates);
    script += fmt::format(
        ", \\\n  '{0}' using 1:2 skip 1 with linespoints lw 2 pt 7 lc {2} title '{3} voxels'"
        ", \\\n  '{1}' using 1:2 skip 1 with linespoints lw 2 pt 4 dt 2 lc {2} "
        "title '{3} candidates'",
        voxels,
        candidates,
        m + 1,
        title);
  }
  files["calibration.gp"] = script + "\n";
  return files;
}

}  // namespace sap::eval
