// SPDX-License-Identifier: Apache-2.0
// How far features of an encoder tell lesions from healthy bone before any fine-tuning
// (evaluation §1.11, the paper's Fig. 3). Shapes: N vectors, E features.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/tensor.h"

namespace sap::eval {

// Vectors of one model. The lists are as long as features_NE has rows, in the same order.
struct FeatureSet {
  std::string name;                   // for messages
  Tensor features_NE;                 // [N, E], floating point, CPU
  std::vector<bool> is_lesion;        // otherwise healthy
  std::vector<std::string> patients;  // what folds and counts group by
};

// Throws kInput, naming the set, for values that are not finite, for a single group, and for more
// vectors than matrices of N x N distances allow. Everything below calls it.
void RequireComparable(const FeatureSet& set);

// Euclidean distances within one group.
struct GroupSpread {
  int64_t n = 0;
  double to_centroid = 0;  // mean distance to the own centroid: the paper's intra-cluster distance
  double pairwise = 0;     // mean over pairs of two vectors; NaN for a single vector
};

// Raw distances grow with the scale of the features, which differs between models; ratio,
// Davies-Bouldin and silhouette do not.
struct ClusterMetrics {
  GroupSpread lesion;
  GroupSpread healthy;
  double centroid_distance = 0;
  double ratio = 0;           // centroid_distance / mean of both to_centroid; NaN where that is 0
  double davies_bouldin = 0;  // sum of both to_centroid / centroid_distance; NaN where that is 0
  double silhouette = 0;      // mean of `silhouettes`
  std::vector<double> silhouettes;  // of each vector, -1 to 1; 0 for the only one of its group
};
ClusterMetrics MeasureClusters(const FeatureSet& set);

// The two numbers that follow from the distances, for published values too.
double ClusterRatio(double centroid_distance, double lesion_spread, double healthy_spread);
double DaviesBouldin(double centroid_distance, double lesion_spread, double healthy_spread);

struct ProbeOptions {
  int64_t folds = 5;
  double c = 1.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("probe_folds", folds)
        .Help("folds of the linear probe on features; each patient is in one of them")
        .Range(2, 100);
    v.Field("probe_c", c)
        .Help("inverse L2 penalty of the linear probe, after standardising the features")
        .Range(1e-6, 1e6);
  }
};

struct ProbeResult {
  std::optional<double> auc;     // nothing where a fold cannot be formed:
  std::string reason;            // which one, and why
  int64_t num_folds = 0;         // at most one per patient
  std::vector<int64_t> folds;    // of each vector, from 0
  std::vector<double> log_odds;  // of lesion, by the model that has not seen the patient
};

// Logistic regression (L2, intercept free) on features standardised by the training folds' mean
// and deviation; the AUC is that of all out-of-fold log odds together, ties count half. Patients
// are dealt in the order of their lesion vectors to the fold that has fewest, so nothing is drawn.
ProbeResult ProbeLesions(const FeatureSet& set, const ProbeOptions& options);

}  // namespace sap::eval
