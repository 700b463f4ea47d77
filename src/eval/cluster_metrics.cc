// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <numeric>

#include "eval/matrix.h"
#include "sap/core/error.h"
#include "sap/eval/features.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMaxVectors = 10000;  // 0.8 GB for each matrix of N x N

double Ratio(double above, double below) {
  return below > 0 ? above / below : kNaN;
}

Eigen::RowVectorXd Centroid(const RowMatrix& features_NE,
                            const std::vector<bool>& is_lesion,
                            bool of) {
  Eigen::RowVectorXd sum_E = Eigen::RowVectorXd::Zero(features_NE.cols());
  int64_t n = 0;
  for (Eigen::Index i = 0; i < features_NE.rows(); ++i) {
    if (is_lesion[static_cast<std::size_t>(i)] != of) continue;
    sum_E += features_NE.row(i);
    ++n;
  }
  return sum_E / static_cast<double>(n);
}

// How near one vector lies to its own group rather than to the other (Rousseeuw 1987).
double Silhouette(double own_sum, int64_t n_own, double other_sum, int64_t n_other) {
  if (n_own == 1) return 0;
  const double own = own_sum / static_cast<double>(n_own - 1);
  const double other = other_sum / static_cast<double>(n_other);
  const double larger = std::max(own, other);
  return larger > 0 ? (other - own) / larger : 0;
}

}  // namespace

void RequireComparable(const FeatureSet& set) {
  const Tensor& features_NE = set.features_NE;
  SAP_CHECK(features_NE.dim() == 2 && features_NE.is_floating_point(),
            "{}: features are {}",
            set.name,
            ShapeString(features_NE));
  const int64_t n = features_NE.size(0);
  SAP_CHECK(std::ssize(set.is_lesion) == n && std::ssize(set.patients) == n, "{} vectors", n);
  SAP_REQUIRE(ErrorKind::kInput,
              n <= kMaxVectors,
              "{}: {} vectors; at most {} are compared, each with each; take fewer per patient",
              set.name,
              n,
              kMaxVectors);
  const Tensor broken = features_NE.isfinite().all(1).logical_not().nonzero().flatten();
  SAP_REQUIRE(ErrorKind::kInput,
              broken.numel() == 0,
              "{}: {} of {} vectors hold NaN or infinity, the first is row {}; extract them again, "
              "in fp32",
              set.name,
              broken.numel(),
              n,
              broken[0].item<int64_t>());
  const int64_t lesions = std::count(set.is_lesion.begin(), set.is_lesion.end(), true);
  SAP_REQUIRE(ErrorKind::kInput,
              lesions > 0 && lesions < n,
              "{}: {} lesion and {} healthy vectors; both kinds are needed to compare them",
              set.name,
              lesions,
              n - lesions);
}

double ClusterRatio(double centroid_distance, double lesion_spread, double healthy_spread) {
  return Ratio(centroid_distance, 0.5 * (lesion_spread + healthy_spread));
}

double DaviesBouldin(double centroid_distance, double lesion_spread, double healthy_spread) {
  return Ratio(lesion_spread + healthy_spread, centroid_distance);
}

ClusterMetrics MeasureClusters(const FeatureSet& set) {
  RequireComparable(set);
  const RowMatrix features_NE = MatrixOf(set.features_NE);
  const RowMatrix distance_NN = PairDistances(set.features_NE);
  const Eigen::RowVectorXd lesion_E = Centroid(features_NE, set.is_lesion, true);
  const Eigen::RowVectorXd healthy_E = Centroid(features_NE, set.is_lesion, false);
  const auto n = std::ssize(set.is_lesion);
  ClusterMetrics result;
  result.lesion.n = std::count(set.is_lesion.begin(), set.is_lesion.end(), true);
  result.healthy.n = n - result.lesion.n;
  for (int64_t i = 0; i < n; ++i) {
    const bool is_lesion = set.is_lesion[static_cast<std::size_t>(i)];
    GroupSpread& own = is_lesion ? result.lesion : result.healthy;
    double own_sum = 0;
    double other_sum = 0;
    for (int64_t j = 0; j < n; ++j) {
      const bool same = set.is_lesion[static_cast<std::size_t>(j)] == is_lesion;
      (same ? own_sum : other_sum) += distance_NN(i, j);
    }
    own.to_centroid += (features_NE.row(i) - (is_lesion ? lesion_E : healthy_E)).norm();
    own.pairwise += own_sum;
    result.silhouettes.push_back(Silhouette(own_sum, own.n, other_sum, n - own.n));
  }
  for (GroupSpread* group : {&result.lesion, &result.healthy}) {
    const auto size = static_cast<double>(group->n);
    group->to_centroid /= size;
    group->pairwise = Ratio(group->pairwise, size * (size - 1));
  }
  const double spread[] = {result.lesion.to_centroid, result.healthy.to_centroid};
  result.centroid_distance = (lesion_E - healthy_E).norm();
  result.ratio = ClusterRatio(result.centroid_distance, spread[0], spread[1]);
  result.davies_bouldin = DaviesBouldin(result.centroid_distance, spread[0], spread[1]);
  result.silhouette = std::accumulate(result.silhouettes.begin(), result.silhouettes.end(), 0.0) /
                      static_cast<double>(n);
  return result;
}

}  // namespace sap::eval
