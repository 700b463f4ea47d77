// SPDX-License-Identifier: Apache-2.0
// Fig. 3: maps of features.
#include <ATen/ATen.h>

#include "eval/figure_script.h"
#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/feature_study.h"

namespace sap::eval {
namespace {

constexpr int kPanelWidthPx = 400;
constexpr int kPanelHeightPx = 480;

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

// What stands above a panel: the map itself says little of distances between groups.
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
  std::vector<std::string> lines = Wrapped(study.name, 42);
  lines.insert(lines.end(), {ratio, auc});
  return QuotedLines(lines);
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

Figure FeatureFigure(const std::vector<FeatureStudy>& studies,
                     const PublishedClustersOf& published) {
  Figure figure{.name = "features",
                .title = "t-SNE of the features",
                .caption =
                    "A map shows who is near whom; distances between groups, sizes and "
                    "densities in it mean little, and its axes nothing."};
  std::vector<std::string> panels;
  for (std::size_t m = 0; m < studies.size(); ++m) {
    const std::string file = fmt::format("features_{}.csv", m + 1);
    figure.files[file] = MapCsv(studies[m]);
    panels.push_back(MapPanel(studies[m], file, published));
  }
  figure.files["features.gp"] = PanelScript(figure.name,
                                            kPanelWidthPx,
                                            kPanelHeightPx,
                                            "  set size square\n  unset xtics\n  unset ytics\n"
                                            "  set key below horizontal Left reverse noenhanced\n",
                                            panels);
  return figure;
}

}  // namespace sap::eval
