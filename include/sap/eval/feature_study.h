// SPDX-License-Identifier: Apache-2.0
// The feature study of the paper's Fig. 3 for several models, and what it leaves behind
// (evaluation §1.11, §2.8).
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/config_node.h"
#include "sap/eval/features.h"
#include "sap/eval/report_html.h"
#include "sap/eval/tsne.h"

namespace sap::eval {

struct FeatureOptions {
  TsneOptions tsne;
  ProbeOptions probe;

  template <typename Visitor>
  void Describe(Visitor& v) {
    tsne.Describe(v);
    probe.Describe(v);
  }
};

struct FeatureStudy {
  std::string name;
  int64_t num_features = 0;  // E
  int64_t num_patients = 0;
  int64_t num_patients_with_both = 0;  // with lesion and healthy vectors
  std::vector<bool> is_lesion;
  ClusterMetrics clusters;
  ProbeResult probe;
  TsneMap tsne;
};
FeatureStudy StudyFeatures(const FeatureSet& set, const FeatureOptions& options);

// What the paper prints for one model.
struct PublishedClusters {
  double centroid_distance = 0;
  double lesion_spread = 0;  // mean distance to the own centroid
  double healthy_spread = 0;
};
using PublishedClustersOf = std::map<std::string, PublishedClusters>;  // by method
// `cluster_768d` of published_values.yaml; empty without it. Throws kOption with file and line for
// what is no number, and for a method that lacks one of the three.
PublishedClustersOf ReadPublishedClusters(const ConfigNode& root);

// One row per method: counts and every metric, and published ones where the method has them.
std::string FeaturesCsv(const std::vector<FeatureStudy>& studies,
                        const PublishedClustersOf& published);
// One row per metric, one column per method; "ours (published)" where there is both.
std::string FeaturesMarkdown(const std::vector<FeatureStudy>& studies,
                             const PublishedClustersOf& published);
nlohmann::json FeaturesJson(const std::vector<FeatureStudy>& studies,
                            const PublishedClustersOf& published);

// One row per vector: its cells of `origins` (as many as `header`), map, silhouette and probe.
std::string VectorsCsv(const FeatureStudy& study,
                       const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& origins);

// Fig. 3: one t-SNE map per method, features.gp and its data.
Figure FeatureFigure(const std::vector<FeatureStudy>& studies,
                     const PublishedClustersOf& published);
// What the report of a study says: numbers, map, and what they can and cannot say.
ReportHead FeatureReportHead(const std::vector<FeatureStudy>& studies);
std::vector<ReportSection> FeatureSections(const std::vector<FeatureStudy>& studies,
                                           const PublishedClustersOf& published);

}  // namespace sap::eval
