// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <ATen/ATen.h>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/feature_study.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {
namespace {

// gnuplot's single-quoted text: a quote is doubled.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string Head(const std::string& name, const std::string& x_title, const std::string& y_title) {
  return fmt::format(
      "set terminal svg size 640,480 dynamic font 'sans,12' background 'white'\n"
      "set output '{}.svg'\nset datafile separator ','\nset grid\nset key bottom right noenhanced\n"
      "set xlabel {}\nset ylabel {}\n",
      name,
      Quoted(x_title),
      Quoted(y_title));
}

// The list of plots ends in a comma that gnuplot would warn of.
std::string Ended(std::string script) {
  script.erase(script.find_last_not_of(", \\\n") + 1);
  return script + "\n";
}

std::string PointsCsv(const FrocCurve& curve, double limit_fp, CurveEnd end) {
  Table table({"fp_per_exam", "sensitivity"});
  for (const FrocPoint& p : curve.points) table.AddRow({Cell(p.fp_per_exam), Cell(p.sensitivity)});
  const FrocPoint& last = curve.points.back();
  if (end == CurveEnd::kHold && last.fp_per_exam < limit_fp) {
    table.AddRow({Cell(limit_fp), Cell(last.sensitivity)});
  }
  return table.Csv();
}

// Fig. 5: solid all lesions, dashed large ones, areas in the key.
void AddFroc(const std::vector<MethodCurves>& curves,
             const FrocOptions& options,
             std::map<std::string, std::string>& files) {
  std::string script = Head("froc", "false positives per exam", "sensitivity");
  script += fmt::format("set xrange [0:{}]\nset yrange [0:1]\nplot ", options.limit_all_fp);
  for (std::size_t m = 0; m < curves.size(); ++m) {
    const std::string all = fmt::format("froc_all_{}.csv", m + 1);
    const std::string large = fmt::format("froc_large_{}.csv", m + 1);
    files[all] = PointsCsv(curves[m].all, options.limit_all_fp, options.end);
    files[large] = PointsCsv(curves[m].large, options.limit_large_fp, options.end);
    const auto line = [&](const std::string& file,
                          const FrocCurve& curve,
                          double limit_fp,
                          const char* dash,
                          const char* lesions) {
      return fmt::format("{} using 1:2 skip 1 with lines lw 2 lc {} dt {} title {}, \\\n  ",
                         Quoted(file),
                         m + 1,
                         dash,
                         Quoted(fmt::format("{} {} ({})",
                                            curves[m].name,
                                            lesions,
                                            ShortCell(FrocArea(curve, limit_fp, options.end)))));
    };
    script += line(all, curves[m].all, options.limit_all_fp, "1", "all");
    script += line(large, curves[m].large, options.limit_large_fp, "2", "large");
  }
  files["froc.gp"] = Ended(script);
}

// Fig. 6: sensitivity and false positives of lesions of at least a volume; cumulative histogram.
void AddVolumeCurve(const std::vector<MethodCurves>& curves,
                    std::map<std::string, std::string>& files) {
  std::string script = Head("volume_curve", "lesion volume at least [mL]", "sensitivity");
  script +=
      "set logscale x\nset xrange [0.01:20]\nset yrange [0:1]\nset y2label "
      "'false positives per exam'\nset y2tics\nset ytics nomirror\n"
      "set arrow from 1, graph 0 to 1, graph 1 nohead dt 3\nplot ";
  for (std::size_t m = 0; m < curves.size(); ++m) {
    const std::string file = fmt::format("volume_curve_{}.csv", m + 1);
    files[file] = VolumeCurveCsv({curves[m]});
    if (m == 0) {
      script +=
          Quoted(file) + " using 2:4 skip 1 with steps lc 'gray' title 'share of lesions', \\\n  ";
    }
    script += fmt::format(
        "{0} using 2:5 skip 1 with lines lw 2 lc {1} title {2}, \\\n  "
        "{0} using 2:6 skip 1 axes x1y2 with lines lw 2 dt 2 lc {1} title {3}, \\\n  ",
        Quoted(file),
        m + 1,
        Quoted(curves[m].name + " sensitivity"),
        Quoted(curves[m].name + " FP"));
  }
  files["volume_curve.gp"] = Ended(script);
}

// Fig. 4: box plots with whiskers of 1.5 IQR, every point, and n below each box.
void AddBoxes(const MetricComparison& row,
              const std::vector<std::string>& names,
              const std::vector<LesionSummary>& summaries,
              std::map<std::string, std::string>& files) {
  const std::string name = "box_" + row.metric.name;
  std::string script = Head(name, "", row.metric.title);
  script +=
      "unset key\nset style boxplot range 1.5\nset style boxplot nooutliers\n"
      "set style fill solid 0.3\nset jitter overlap 0.5\nset xtics noenhanced (";
  std::string plots;
  for (std::size_t m = 0; m < names.size(); ++m) {
    const std::string file = fmt::format("{}_{}.csv", name, m + 1);
    Table table({"case", "value"});
    const auto exams = ValuesOfExams(summaries[m], row.metric);
    for (std::size_t i = 0; i < exams.size(); ++i) {
      for (const double value : exams[i]) table.AddRow({summaries[m].cases[i].id, Cell(value)});
    }
    if (table.NumRows() == 0) continue;
    files[file] = table.Csv();
    script += fmt::format("{}{} {}",
                          plots.empty() ? "" : ", ",
                          Quoted(fmt::format("{} (n={})", names[m], row.methods[m].distribution.n)),
                          m + 1);
    plots += fmt::format(
        "{0} using ({1}):2 skip 1 with boxplot lc {1}, \\\n  "
        "{0} using ({1}):2 skip 1 with points pt 7 ps 0.4 lc {1}, \\\n  ",
        Quoted(file),
        m + 1);
  }
  std::string stars;
  for (const PairTest& pair : row.tests) {
    if (std::isnan(pair.adjusted_p)) continue;
    stars += fmt::format("{}{}/{}: {}",
                         stars.empty() ? "" : "   ",
                         names[pair.first],
                         names[pair.second],
                         Stars(pair.adjusted_p));
  }
  if (plots.empty()) return;
  files[name + ".gp"] =
      Ended(fmt::format("{})\nset title {} noenhanced\nset xrange [0.5:{}.5]\nplot {}",
                        script,
                        Quoted(stars),
                        names.size(),
                        plots));
}

void AddBlandAltman(const Comparison& comparison,
                    const std::vector<LesionSummary>& summaries,
                    std::map<std::string, std::string>& files) {
  std::string script =
      Head("bland_altman", "mean of both volumes [mL]", "predicted - reference [mL]");
  std::string plots;
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    const std::string file = fmt::format("bland_altman_{}.csv", m + 1);
    Table table({"case", "mean_ml", "difference_ml"});
    for (const CaseLesions& one : summaries[m].cases) {
      table.AddRow({one.id,
                    Cell(0.5 * (one.reference_ml + one.predicted_ml)),
                    Cell(one.predicted_ml - one.reference_ml)});
    }
    files[file] = table.Csv();
    plots += fmt::format("{} using 2:3 skip 1 with points pt 7 lc {} title {}, \\\n  ",
                         Quoted(file),
                         m + 1,
                         Quoted(comparison.method_names[m]));
    const BlandAltman& limits = comparison.volume_difference[m];
    for (const double y : {limits.bias, limits.low, limits.high}) {
      if (std::isfinite(y))
        plots += fmt::format("{} with lines dt 2 lc {} notitle, \\\n  ", y, m + 1);
    }
  }
  files["bland_altman.gp"] = Ended(script + "plot " + plots);
}

std::string MapCsv(const FeatureStudy& study) {
  Table table({"kind", "tsne_1", "tsne_2"});
  const auto points_N2 = study.tsne.points_N2.accessor<double, 2>();
  for (std::size_t i = 0; i < study.is_lesion.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    table.AddRow({study.is_lesion[i] ? "lesion" : "healthy",
                  Cell(points_N2[row][0]),
                  Cell(points_N2[row][1])});
  }
  return table.Csv();
}

// What stands above a panel, as a gnuplot expression: the map itself says little of distances
// between groups. Lines are joined outside the quotes, because gnuplot executes what stands between
// back quotes in double-quoted text.
std::string MapTitle(const FeatureStudy& study, const PublishedClustersOf& published) {
  std::string ratio =
      fmt::format("centroid distance / spread: {}", ShortCell(study.clusters.ratio));
  if (const auto found = published.find(study.name); found != published.end()) {
    const PublishedClusters& p = found->second;
    ratio += fmt::format(
        " (paper {})",
        ShortCell(ClusterRatio(p.centroid_distance, p.lesion_spread, p.healthy_spread)));
  }
  const std::string auc =
      fmt::format("AUC of the linear probe: {}",
                  study.probe.auc ? ShortCell(*study.probe.auc) : std::string("none"));
  return fmt::format("{}.\"\\n\".{}.\"\\n\".{}", Quoted(study.name), Quoted(ratio), Quoted(auc));
}

std::string MapPanel(const FeatureStudy& study,
                     const std::string& file,
                     const PublishedClustersOf& published) {
  // Vermilion and blue of Okabe and Ito, and two shapes: told apart by every eye and in grey.
  const auto points = [&](const char* kind, int64_t n, const char* style) {
    return fmt::format("{} using (strcol(1) eq '{}' ? $2 : NaN):3 skip 1 with points {} title {}",
                       Quoted(file),
                       kind,
                       style,
                       Quoted(fmt::format("{} ({})", kind, n)));
  };
  // One unit is as long in both directions; the map's middle is near the origin.
  const double reach = 1.06 * study.tsne.points_N2.abs().max().item<double>();
  return fmt::format(
      "  set title {0} noenhanced\n  set xrange [{1:.4g}:{2:.4g}]\n  set yrange [{1:.4g}:{2:.4g}]\n"
      "  plot {3}, \\\n    {4}\n",
      MapTitle(study, published),
      -reach,
      reach,
      points("healthy", study.clusters.healthy.n, "pt 7 ps 0.5 lc rgb '#400072B2'"),
      points("lesion", study.clusters.lesion.n, "pt 9 ps 0.6 lc rgb '#40D55E00'"));
}

}  // namespace

std::map<std::string, std::string> FigureFiles(const Comparison& comparison,
                                               const std::vector<LesionSummary>& summaries,
                                               const std::vector<MethodCurves>& curves,
                                               const FrocOptions& options) {
  std::map<std::string, std::string> files;
  AddFroc(curves, options, files);
  AddVolumeCurve(curves, files);
  AddBlandAltman(comparison, summaries, files);
  for (const MetricComparison& row : comparison.metrics) {
    AddBoxes(row, comparison.method_names, summaries, files);
  }
  return files;
}

// Fig. 3: one map per method; axes without ticks, because t-SNE's units mean nothing.
std::map<std::string, std::string> FeatureFigureFiles(const std::vector<FeatureStudy>& studies,
                                                      const PublishedClustersOf& published) {
  const std::size_t columns = std::min<std::size_t>(studies.size(), 3);
  const std::size_t rows = (studies.size() + columns - 1) / columns;
  std::map<std::string, std::string> files;
  std::string script = fmt::format(
      "set datafile separator ','\nset size square\nunset xtics\nunset ytics\n"
      "set border lc rgb '#999999'\nset key below horizontal Left reverse noenhanced\n"
      "do for [format in 'svg pdf'] {{\n"
      "  if (format eq 'pdf' && strstrt(GPVAL_TERMINALS, 'pdfcairo') == 0) {{ break }}\n"
      "  if (format eq 'svg') {{\n"
      "    set terminal svg size {0},{1} dynamic font 'sans,12' background 'white'\n"
      "  }} else {{\n"
      "    set terminal pdfcairo size {2:.1f}cm,{3:.1f}cm font 'sans,10'\n  }}\n"
      "  set output 'features.'.format\n"
      "  set multiplot layout {4},{5}\n",
      400 * columns,
      480 * rows,
      10.0 * static_cast<double>(columns),
      12.0 * static_cast<double>(rows),
      rows,
      columns);
  for (std::size_t m = 0; m < studies.size(); ++m) {
    const std::string file = fmt::format("features_{}.csv", m + 1);
    files[file] = MapCsv(studies[m]);
    script += MapPanel(studies[m], file, published);
  }
  files["features.gp"] = script + "  unset multiplot\n  unset output\n}\n";
  return files;
}

}  // namespace sap::eval
