// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/error.h"
#include "sap/core/option_values.h"
#include "sap/core/tables.h"
#include "sap/eval/feature_study.h"

namespace sap::eval {
namespace {

using nlohmann::json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr std::size_t kNumPublished = 5;  // the first rows are those that the paper speaks of

struct MetricRow {
  std::string name;  // column and JSON key
  std::string title;
  double value = kNaN;
  double published = kNaN;
};

// Every metric of one model, in the order of the tables.
std::vector<MetricRow> RowsOf(const FeatureStudy& study, const PublishedClustersOf& published) {
  const ClusterMetrics& c = study.clusters;
  std::vector<MetricRow> rows = {
      {"centroid_distance", "distance of the centroids", c.centroid_distance},
      {"lesion_to_centroid", "lesions: mean distance to their centroid", c.lesion.to_centroid},
      {"healthy_to_centroid", "healthy: mean distance to their centroid", c.healthy.to_centroid},
      {"ratio", "centroid distance / mean distance to the own centroid", c.ratio},
      {"davies_bouldin", "Davies-Bouldin index (lower is better)", c.davies_bouldin},
      {"lesion_pairwise", "lesions: mean pairwise distance", c.lesion.pairwise},
      {"healthy_pairwise", "healthy: mean pairwise distance", c.healthy.pairwise},
      {"silhouette", "mean silhouette", c.silhouette},
      {"probe_auc", "AUC of the linear probe", study.probe.auc.value_or(kNaN)},
      {"tsne_kl", "t-SNE: divergence [nats]", study.tsne.kl},
      {"tsne_trustworthiness",
       fmt::format("t-SNE: trustworthiness of {} neighbours", kTrustNeighbours),
       study.tsne.trustworthiness.value_or(kNaN)}};
  if (const auto found = published.find(study.name); found != published.end()) {
    const PublishedClusters& p = found->second;
    rows[0].published = p.centroid_distance;
    rows[1].published = p.lesion_spread;
    rows[2].published = p.healthy_spread;
    rows[3].published = ClusterRatio(p.centroid_distance, p.lesion_spread, p.healthy_spread);
    rows[4].published = DaviesBouldin(p.centroid_distance, p.lesion_spread, p.healthy_spread);
  }
  return rows;
}

std::vector<std::pair<std::string, int64_t>> CountsOf(const FeatureStudy& study) {
  return {{"n", std::ssize(study.is_lesion)},
          {"n_lesion", study.clusters.lesion.n},
          {"n_healthy", study.clusters.healthy.n},
          {"patients", study.num_patients},
          {"patients_with_both", study.num_patients_with_both},
          {"features", study.num_features},
          {"probe_folds", study.probe.auc ? study.probe.num_folds : 0},
          {"tsne_iterations", study.tsne.iterations}};
}

}  // namespace

PublishedClustersOf ReadPublishedClusters(const ConfigNode& root) {
  PublishedClustersOf published;
  const ConfigNode* block = root.Find("cluster_768d");
  if (block == nullptr) return published;
  const std::array<std::pair<const char*, double PublishedClusters::*>, 3> fields = {
      {{"centroid_distance", &PublishedClusters::centroid_distance},
       {"intra_positive", &PublishedClusters::lesion_spread},
       {"intra_negative", &PublishedClusters::healthy_spread}}};
  std::map<std::string, int> num_found;
  for (const auto& [key, member] : fields) {
    const ConfigNode* methods = block->Find(key);
    if (methods == nullptr) continue;
    for (const auto& [method, node] : methods->entries) {
      const auto fault = option_values::Read(node, published[method].*member);
      SAP_REQUIRE(ErrorKind::kOption, !fault, "{}: {}", node.mark.Text(), fault.value_or(""));
      ++num_found[method];
    }
  }
  for (const auto& [method, count] : num_found) {
    SAP_REQUIRE(ErrorKind::kOption,
                count == std::ssize(fields),
                "{}: cluster_768d gives {} of 3 values for {}; centroid_distance, intra_positive "
                "and intra_negative are needed",
                block->mark.Text(),
                count,
                method);
  }
  return published;
}

std::string FeaturesCsv(const std::vector<FeatureStudy>& studies,
                        const PublishedClustersOf& published) {
  std::optional<Table> table;
  for (const FeatureStudy& study : studies) {
    std::vector<std::string> header = {"method"};
    std::vector<std::string> cells = {study.name};
    const auto add = [&](const std::string& name, const std::string& cell) {
      header.push_back(name);
      cells.push_back(cell);
    };
    for (const auto& [name, count] : CountsOf(study)) add(name, fmt::format("{}", count));
    const std::vector<MetricRow> rows = RowsOf(study, published);
    for (const MetricRow& row : rows) add(row.name, Cell(row.value));
    add("probe_note", study.probe.reason);
    for (std::size_t r = 0; r < kNumPublished; ++r)
      add("published_" + rows[r].name, Cell(rows[r].published));
    if (!table) table.emplace(header);
    table->AddRow(cells);
  }
  return table ? table->Csv() : "";
}

std::string FeaturesMarkdown(const std::vector<FeatureStudy>& studies,
                             const PublishedClustersOf& published) {
  std::vector<std::string> header = {"metric"};
  std::vector<std::vector<std::string>> lines = {{"vectors (lesion + healthy), patients"}};
  for (const FeatureStudy& study : studies) {
    header.push_back(study.name);
    lines[0].push_back(fmt::format(
        "{} + {}, {}", study.clusters.lesion.n, study.clusters.healthy.n, study.num_patients));
    const std::vector<MetricRow> rows = RowsOf(study, published);
    lines.resize(1 + rows.size());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::vector<std::string>& line = lines[1 + r];
      if (line.empty()) line.push_back(rows[r].title);
      line.push_back(ShortCell(rows[r].value));
      if (!std::isnan(rows[r].published)) {
        line.back() += fmt::format(" ({})", ShortCell(rows[r].published));
      }
    }
  }
  Table table(header);
  for (auto& line : lines) table.AddRow(std::move(line));
  std::string text = table.Markdown();
  for (const FeatureStudy& study : studies) {
    if (published.contains(study.name)) {
      text += "\nIn brackets: published, or computed from published distances.\n";
      break;
    }
  }
  for (const FeatureStudy& study : studies) {
    if (!study.probe.auc)
      text += fmt::format("\n{}: no AUC: {}.\n", study.name, study.probe.reason);
  }
  return text;
}

json FeaturesJson(const std::vector<FeatureStudy>& studies, const PublishedClustersOf& published) {
  json result = json::object();
  for (const FeatureStudy& study : studies) {
    json& entry = result[study.name];
    for (const auto& [name, count] : CountsOf(study)) entry[name] = count;
    for (const MetricRow& row : RowsOf(study, published)) {
      entry[row.name] = Number(row.value);
      if (!std::isnan(row.published)) entry["published"][row.name] = row.published;
    }
    if (!study.probe.auc) entry["probe_note"] = study.probe.reason;
  }
  return result;
}

std::string VectorsCsv(const FeatureStudy& study,
                       const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& origins) {
  std::vector<std::string> columns = header;
  for (const char* name : {"tsne_1", "tsne_2", "silhouette", "probe_fold", "probe_log_odds"}) {
    columns.emplace_back(name);
  }
  Table table(columns);
  const auto points_N2 = study.tsne.points_N2.accessor<double, 2>();
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    std::vector<std::string> cells = origins[i];
    cells.push_back(Cell(points_N2[row][0]));
    cells.push_back(Cell(points_N2[row][1]));
    cells.push_back(Cell(study.clusters.silhouettes[i]));
    cells.push_back(study.probe.auc ? fmt::format("{}", study.probe.folds[i]) : "");
    cells.push_back(study.probe.auc ? Cell(study.probe.log_odds[i]) : "");
    table.AddRow(std::move(cells));
  }
  return table.Csv();
}

}  // namespace sap::eval
