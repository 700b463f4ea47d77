// SPDX-License-Identifier: Apache-2.0
#include "progress_plot.h"

#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/gnuplot.h"

namespace sap::train {
namespace {

using nlohmann::json;

// Epochs count from 1, as in the progress bar; the three panels share one axis.
constexpr const char* kScript = R"(set terminal pngcairo size 1000,900 font 'Sans,11' enhanced
set output 'progress.png'
set datafile missing '-'
set datafile separator tab
set grid lc rgb '#dddddd'
set tics nomirror
set border 3
set key above right horizontal
set lmargin 11
set rmargin 11
stats 'progress.tsv' using 1 nooutput
set xrange [0.5:STATS_max + 1.5]
set multiplot layout 3,1
set ylabel 'loss'
plot 'progress.tsv' using ($1 + 1):2 with linespoints lw 2 pt 7 ps 0.5 lc rgb '#0072b2' \
     title 'mean training loss of each epoch'
set ylabel 'validation score'
set yrange [*<0:0<*]
plot 'progress.tsv' using ($1 + 1):3 with linespoints lw 2 pt 7 ps 0.8 lc rgb '#d55e00' \
     title 'validation score'
set yrange [0:*]
set ylabel 'learning rate factor'
set xlabel 'epoch'
set border 11
set y2label 'seconds per epoch'
set y2tics
set y2range [0:*]
plot 'progress.tsv' using ($1 + 1):4 with linespoints lw 2 pt 7 ps 0.5 lc rgb '#009e73' \
     title 'learning rate factor', \
     'progress.tsv' using ($1 + 1):5 axes x1y2 with lines lw 1 dt 2 lc rgb '#777777' \
     title 'seconds per epoch (right axis)'
unset multiplot
)";

std::string Cell(const json& entry, const char* key) {
  return entry.contains(key) && entry[key].is_number() ? entry[key].dump() : "-";
}

std::string TableFrom(const fs::path& metrics) {
  std::map<int64_t, std::pair<json, json>> by_epoch;  // epoch line, validation line
  std::istringstream lines(ReadFile(metrics));
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    if (entry.value("kind", "") == "epoch") by_epoch[entry["epoch"]].first = entry;
    if (entry.value("kind", "") == "validation") by_epoch[entry["epoch"]].second = entry;
  }
  std::string text = "epoch\tloss\tscore\trate_factor\tepoch_s\n";
  for (const auto& [epoch, both] : by_epoch) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\n",
                        epoch,
                        Cell(both.first, "loss"),
                        Cell(both.second, "score"),
                        Cell(both.first, "rate_factor"),
                        Cell(both.first, "epoch_s"));
  }
  return text;
}

}  // namespace

bool DrawProgressPlot(const RunFiles& files) {
  if (!fs::exists(files.Metrics())) return true;
  WriteFileAtomically(files.root / "progress.tsv", TableFrom(files.Metrics()));
  WriteFileAtomically(files.root / "progress.gp", std::string_view(kScript));
  return RunGnuplot(files.root, "progress.gp");
}

}  // namespace sap::train
