// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "sap/eval/feature_study.h"

namespace sap::eval {
namespace {

std::string CountsText(const FeatureStudy& study) {
  return fmt::format(
      "{} vectors of lesions and {} of healthy bone, {} features, {} patients, {} "
      "of them with both",
      study.clusters.lesion.n,
      study.clusters.healthy.n,
      study.num_features,
      study.num_patients,
      study.num_patients_with_both);
}

bool FewWithBoth(const FeatureStudy& study) {
  return 2 * study.num_patients_with_both < study.num_patients;
}

}  // namespace

ReportHead FeatureReportHead(const std::vector<FeatureStudy>& studies) {
  ReportHead head{.title = "Features before fine-tuning"};
  for (const FeatureStudy& study : studies) {
    head.facts.emplace_back(study.name, CountsText(study));
  }
  head.notes = {
      "Distances grow with the scale of the features, which differs between models: compare the "
      "ratio, the Davies-Bouldin index, the silhouette and the probe's AUC.",
      "Vectors of one patient are not independent: the number of patients limits what can be "
      "said, and the AUC has no interval here.",
      "Separation says that the encoder holds what tells these patches apart, place in the body "
      "included, not that it has learnt what a lesion is. A low ratio does not say that "
      "fine-tuning will fail.",
      "The probe's AUC depends on its penalty; compare models with one value of it."};
  for (const FeatureStudy& study : studies) {
    if (!FewWithBoth(study)) continue;
    head.notes.push_back(fmt::format(
        "{}: few patients have both lesions and healthy vectors, so persons or scanners may be "
        "told apart rather than lesions.",
        study.name));
  }
  return head;
}

std::vector<ReportSection> FeatureSections(const std::vector<FeatureStudy>& studies,
                                           const PublishedClustersOf& published) {
  return {{.title = "Clusters and linear probe",
           .note = "Lesions against healthy bone in the full space of the features.",
           .markdown = FeaturesMarkdown(studies, published)},
          {.title = "Map", .figures = {FeatureFigure(studies, published)}}};
}

}  // namespace sap::eval
