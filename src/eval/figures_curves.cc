// SPDX-License-Identifier: Apache-2.0
// Figs. 5 and 6: curves over false positives and over the lesions' volume.
#include <algorithm>
#include <cmath>

#include "eval/figure_script.h"
#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/figures.h"

namespace sap::eval {
namespace {

constexpr int kWidthPx = 720;
constexpr int kPlotHeightPx = 430;
constexpr double kSmallestMl = 0.01;
constexpr double kLargestMl = 20.0;
constexpr int kNumHistogramBars = 22;

constexpr const char* kGrid = "  set grid lt 1 lc rgb '#e4e7eb'\n";

// The curve's point at a limit between two of its points.
FrocPoint Between(const FrocPoint& a, const FrocPoint& b, double fp_per_exam) {
  const double share = (fp_per_exam - a.fp_per_exam) / (b.fp_per_exam - a.fp_per_exam);
  const auto mix = [share](double x, double y) { return x + share * (y - x); };
  return {.fp_per_exam = fp_per_exam,
          .sensitivity = mix(a.sensitivity, b.sensitivity),
          .band = {mix(a.band.low, b.band.low), mix(a.band.high, b.band.high)}};
}

// Up to the limit: interpolated there, or held from the last point.
std::string PointsCsv(const FrocCurve& curve, double limit_fp, CurveEnd end) {
  Table table({"fp_per_exam", "sensitivity", "sensitivity_low", "sensitivity_high"});
  const auto add = [&](const FrocPoint& p) {
    table.AddRow({Cell(p.fp_per_exam), Cell(p.sensitivity), Cell(p.band.low), Cell(p.band.high)});
  };
  FrocPoint last;
  for (const FrocPoint& point : curve.points) {
    if (point.fp_per_exam > limit_fp) {
      add(Between(last, point, limit_fp));
      return table.Csv();
    }
    add(point);
    last = point;
  }
  if (end == CurveEnd::kHold && last.fp_per_exam < limit_fp) {
    last.fp_per_exam = limit_fp;
    add(last);
  }
  return table.Csv();
}

bool HasBand(const FrocCurve& curve) {
  return std::any_of(curve.points.begin(), curve.points.end(), [](const FrocPoint& point) {
    return std::isfinite(point.band.low);
  });
}

// "7.100 [6.200-8.000]"
std::string AreaText(const FrocCurve& curve,
                     const Interval& interval,
                     double limit_fp,
                     CurveEnd end) {
  const std::string area = ShortCell(FrocArea(curve, limit_fp, end));
  if (!std::isfinite(interval.low)) return area;
  return fmt::format("{} [{}]", area, RangeText(interval.low, interval.high));
}

std::string KeyBelow(const std::vector<std::string>& titles) {
  return fmt::format("  set key below Left reverse noenhanced samplen 3.5 height 1 maxcols {}\n",
                     LayoutKey(titles, kWidthPx).columns);
}

// Points on about eight places of a curve, so that methods are told apart in grey.
std::string Line(std::size_t m, std::size_t num_points, int dash) {
  return fmt::format("with linespoints lw 2 dt {} lc rgb '{}' pt {} ps 0.7 pi {}",
                     dash,
                     MethodColour(m),
                     MethodPoint(m),
                     std::max<std::size_t>(1, num_points / 8));
}

// Share of lesions of at least each bar's smaller volume.
std::string HistogramCsv(const LesionSummary& reference) {
  std::vector<double> edges_ml;
  for (int i = 0; i <= kNumHistogramBars; ++i) {
    edges_ml.push_back(kSmallestMl * std::pow(kLargestMl / kSmallestMl,
                                              static_cast<double>(i) / kNumHistogramBars));
  }
  const std::vector<VolumePoint> points = VolumeCurve(reference.cases, edges_ml);
  Table table({"from_ml", "to_ml", "share_of_lesions"});
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    table.AddRow({Cell(edges_ml[i]), Cell(edges_ml[i + 1]), Cell(points[i].share_of_lesions)});
  }
  return table.Csv();
}

// "57" above 0.01 mL, "20" above 1 mL: what the sensitivity there is a share of.
std::string LesionNumberTics(const LesionSummary& reference) {
  std::string tics;
  for (const VolumePoint& point : VolumeCurve(reference.cases, {0.01, 0.1, 1.0, 10.0})) {
    tics +=
        fmt::format("{}'{}' {:g}", tics.empty() ? "" : ", ", point.num_lesions, point.volume_ml);
  }
  return tics;
}

}  // namespace

Figure FrocFigure(const std::vector<MethodCurves>& curves,
                  const FrocOptions& options,
                  double large_ml) {
  Figure figure{.name = "froc", .title = "Sensitivity against false positives"};
  figure.caption = fmt::format(
      "Solid: all lesions, up to {:g} false positives per exam; dashed: lesions of at least {:g} "
      "mL, up to {:g}. In the key: area under the curve up to there, not normalised.",
      options.limit_all_fp,
      large_ml,
      options.limit_large_fp);
  std::vector<std::string> bands;
  std::vector<std::string> drawings;
  std::vector<std::string> titles;
  const auto draw = [&](std::size_t m, bool large) {
    const FrocCurve& curve = large ? curves[m].large : curves[m].all;
    const double limit_fp = large ? options.limit_large_fp : options.limit_all_fp;
    const std::string file = fmt::format("froc_{}_{}.csv", large ? "large" : "all", m + 1);
    figure.files[file] = PointsCsv(curve, limit_fp, options.end);
    titles.push_back(
        fmt::format("{}, {}: {}",
                    curves[m].name,
                    large ? fmt::format(">= {:g} mL", large_ml) : "all",
                    AreaText(curve,
                             large ? curves[m].large_intervals.area : curves[m].all_intervals.area,
                             limit_fp,
                             options.end)));
    drawings.push_back(fmt::format("{} using 1:2 skip 1 {} title {}",
                                   Quoted(file),
                                   Line(m, curve.points.size(), large ? 2 : 1),
                                   Quoted(titles.back())));
    if (large || !HasBand(curve)) return;
    bands.push_back(fmt::format(
        "{} using 1:3:4 skip 1 with filledcurves lc rgb '{}' fs transparent solid 0.12 notitle",
        Quoted(file),
        MethodColour(m)));
  };
  for (std::size_t m = 0; m < curves.size(); ++m) draw(m, false);
  for (std::size_t m = 0; m < curves.size(); ++m) draw(m, true);
  if (!bands.empty()) {
    figure.caption += " Shaded: 95 % of the curves over resampled patients, all lesions.";
  }
  drawings.insert(drawings.begin(), bands.begin(), bands.end());
  const std::string body = fmt::format(
      "{}{}  set xlabel 'False positives per exam' offset 0,0.7\n  set ylabel 'Sensitivity'\n"
      "  set xrange [0:{:g}]\n  set yrange [0:1.02]\n  set xtics nomirror\n"
      "  set ytics nomirror 0,0.2,1\n  set border 3\n  {}",
      KeyBelow(titles),
      kGrid,
      options.limit_all_fp,
      PlotOf(drawings));
  figure.files["froc.gp"] =
      FigureScript("froc", kWidthPx, kPlotHeightPx + LayoutKey(titles, kWidthPx).height_px, body);
  return figure;
}

Figure VolumeFigure(const std::vector<MethodCurves>& curves, const LesionSummary& reference) {
  const double large_ml = reference.options.large_ml;
  Figure figure{.name = "volume_curve", .title = "Sensitivity and false positives by volume"};
  figure.caption = fmt::format(
      "Both count lesions and candidates of at least the volume below. White bars: share of the "
      "reference lesions that large; above the plot: their number. Dotted: {:g} mL.",
      large_ml);
  figure.files["volume_curve_lesions.csv"] = HistogramCsv(reference);
  std::vector<std::string> titles = {"share of reference lesions"};
  std::vector<std::string> drawings = {
      "'volume_curve_lesions.csv' using (sqrt($1*$2)):3:1:2:(0):3 skip 1 with boxxyerror fc rgb "
      "'white' fs solid border lc rgb '#8c959f' title 'share of reference lesions'"};
  const auto draw = [&](std::size_t m, bool false_positives) {
    const std::string file = fmt::format("volume_curve_{}.csv", m + 1);
    figure.files[file] = VolumeCurveCsv({curves[m]});
    titles.push_back(curves[m].name + (false_positives ? ", false positives" : ", sensitivity"));
    drawings.push_back(fmt::format("{} using 2:{} skip 1{} {} title {}",
                                   Quoted(file),
                                   false_positives ? 6 : 5,
                                   false_positives ? " axes x1y2" : "",
                                   Line(m, curves[m].volume.size(), false_positives ? 2 : 1),
                                   Quoted(titles.back())));
  };
  for (std::size_t m = 0; m < curves.size(); ++m) draw(m, false);
  for (std::size_t m = 0; m < curves.size(); ++m) draw(m, true);
  std::string body = KeyBelow(titles);
  body += fmt::format(
      "  set logscale x\n  set logscale x2\n  set xrange [{0:g}:{1:g}]\n"
      "  set x2range [{0:g}:{1:g}]\n  set yrange [0:1.02]\n  set y2range [0:*]\n"
      "  set xtics nomirror ('0.01' 0.01, '0.1' 0.1, '1' 1, '10' 10)\n"
      "  set x2tics nomirror scale 0 ({2})\n  set ytics nomirror 0,0.2,1\n  set y2tics nomirror\n"
      "  set xlabel 'Volume of at least [mL]' offset 0,0.7\n"
      "  set x2label 'Reference lesions of at least that volume'\n"
      "  set ylabel 'Sensitivity, share of lesions'\n"
      "  set y2label 'False positives per exam'\n",
      kSmallestMl,
      kLargestMl,
      LesionNumberTics(reference));
  if (large_ml > kSmallestMl && large_ml < kLargestMl) {
    body += fmt::format(
        "  set arrow from {0:g}, graph 0 to {0:g}, graph 1 nohead dt 3 lw 2 lc rgb '#57606a' "
        "front\n",
        large_ml);
  }
  figure.files["volume_curve.gp"] =
      FigureScript("volume_curve",
                   kWidthPx,
                   kPlotHeightPx + 40 + LayoutKey(titles, kWidthPx).height_px,
                   body + "  " + PlotOf(drawings));
  return figure;
}

}  // namespace sap::eval
