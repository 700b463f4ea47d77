// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/feature_study.h"

#include <map>

#include <ATen/ATen.h>

namespace sap::eval {

FeatureStudy StudyFeatures(const FeatureSet& set, const FeatureOptions& options) {
  RequireComparable(set);
  FeatureStudy study{.name = set.name,
                     .num_features = set.features_NE.size(1),
                     .is_lesion = set.is_lesion,
                     .clusters = MeasureClusters(set),
                     .probe = ProbeLesions(set, options.probe),
                     .tsne = Tsne(set.features_NE, options.tsne, set.name)};
  std::map<std::string, std::pair<bool, bool>> has_lesion_and_healthy;
  for (std::size_t i = 0; i < set.patients.size(); ++i) {
    auto& [has_lesion, has_healthy] = has_lesion_and_healthy[set.patients[i]];
    (set.is_lesion[i] ? has_lesion : has_healthy) = true;
  }
  study.num_patients = std::ssize(has_lesion_and_healthy);
  for (const auto& [patient, has] : has_lesion_and_healthy) {
    study.num_patients_with_both += has.first && has.second ? 1 : 0;
  }
  return study;
}

}  // namespace sap::eval
