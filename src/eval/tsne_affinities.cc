// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/matrix.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/eval/tsne.h"

namespace sap::eval {
namespace {

constexpr int64_t kRowGrain = 16;

// Writes exp(-beta d) / sum into `row` (0 for `self`) and returns its entropy [nats].
double Soften(const double* excess, int64_t n, int64_t self, double beta, double* row) {
  double sum = 0;
  double weighted = 0;
  for (int64_t j = 0; j < n; ++j) {
    row[j] = j == self ? 0.0 : std::exp(-beta * excess[j]);
    sum += row[j];
    weighted += row[j] * excess[j];
  }
  for (int64_t j = 0; j < n; ++j) row[j] /= sum;
  return std::log(sum) + beta * weighted / sum;
}

// Bisects the precision beta, on which the entropy falls. `squared` becomes the excess over the
// nearest one, so that the largest term of the sum is always 1.
void FillRow(double* squared, int64_t n, int64_t self, double entropy, double* row) {
  constexpr int kSteps = 200;
  constexpr double kTolerance = 1e-10;
  double nearest = std::numeric_limits<double>::infinity();
  double mean = 0;
  for (int64_t j = 0; j < n; ++j) {
    if (j != self) nearest = std::min(nearest, squared[j]);
  }
  for (int64_t j = 0; j < n; ++j) {
    squared[j] = j == self ? 0.0 : squared[j] - nearest;
    mean += squared[j] / static_cast<double>(n - 1);
  }
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
  double beta = mean > 0 ? 1 / mean : 1.0;
  for (int step = 0; step < kSteps; ++step) {
    const double surplus = Soften(squared, n, self, beta, row) - entropy;
    if (std::abs(surplus) < kTolerance) return;
    (surplus > 0 ? low : high) = beta;
    beta = std::isinf(high) ? 2 * beta : 0.5 * (low + high);
  }
}

}  // namespace

Tensor ConditionalAffinities(const Tensor& features_NE, double perplexity) {
  const int64_t n = features_NE.size(0);
  RowMatrix squared_NN = PairDistances(features_NE).array().square();
  RowMatrix row_NN(n, n);
  ParallelFor(n, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      FillRow(squared_NN.row(i).data(), n, i, std::log(perplexity), row_NN.row(i).data());
    }
  });
  return TensorOf(row_NN);
}

Tensor JointAffinities(const Tensor& conditional_NN) {
  return (conditional_NN + conditional_NN.t()) /
         (2.0 * static_cast<double>(conditional_NN.size(0)));
}

Tensor PrincipalPlane(const Tensor& features_NE) {
  RowMatrix x_NE = MatrixOf(features_NE);
  x_NE.rowwise() -= x_NE.colwise().mean().eval();
  const bool wide = x_NE.cols() > x_NE.rows();  // then the N x N Gram matrix is the smaller one
  const Eigen::MatrixXd gram =
      wide ? Eigen::MatrixXd(x_NE * x_NE.transpose()) : Eigen::MatrixXd(x_NE.transpose() * x_NE);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);  // ascending
  Eigen::MatrixXd axis_E2 = Eigen::MatrixXd::Zero(x_NE.cols(), 2);
  for (Eigen::Index k = 0; k < std::min<Eigen::Index>(2, gram.cols()); ++k) {
    const Eigen::VectorXd vector = solver.eigenvectors().col(gram.cols() - 1 - k);
    Eigen::VectorXd axis_E = wide ? (x_NE.transpose() * vector).normalized() : vector;
    Eigen::Index largest = 0;
    axis_E.cwiseAbs().maxCoeff(&largest);
    axis_E2.col(k) = axis_E(largest) < 0 ? Eigen::VectorXd(-axis_E) : axis_E;
  }
  return TensorOf(x_NE * axis_E2);
}

std::optional<double> Trustworthiness(const Tensor& features_NE,
                                      const Tensor& points_N2,
                                      int64_t k) {
  const int64_t n = features_NE.size(0);
  if (2 * k >= n) return std::nullopt;
  const RowMatrix feature_NN = PairDistances(features_NE);
  const RowMatrix map_NN = PairDistances(points_N2);
  std::vector<int64_t> excess_N(static_cast<std::size_t>(n));  // ranks beyond k
  ParallelFor(n, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto order_by = [&](const RowMatrix& distance_NN) {
        std::vector<int64_t> others;
        for (int64_t j = 0; j < n; ++j) {
          if (j != i) others.push_back(j);
        }
        std::stable_sort(others.begin(), others.end(), [&](int64_t a, int64_t b) {
          return distance_NN(i, a) < distance_NN(i, b);
        });
        return others;
      };
      std::vector<int64_t> rank_N(static_cast<std::size_t>(n));
      int64_t rank = 0;
      for (const int64_t j : order_by(feature_NN)) rank_N[static_cast<std::size_t>(j)] = ++rank;
      const std::vector<int64_t> in_map = order_by(map_NN);
      int64_t& excess = excess_N[static_cast<std::size_t>(i)];
      for (int64_t m = 0; m < k; ++m) {
        const int64_t j = in_map[static_cast<std::size_t>(m)];
        excess += std::max<int64_t>(0, rank_N[static_cast<std::size_t>(j)] - k);
      }
    }
  });
  int64_t total = 0;
  for (const int64_t excess : excess_N) total += excess;
  // The most that ranks can exceed k by, all vectors together.
  const auto worst = 0.5 * static_cast<double>(n * k) * static_cast<double>(2 * n - 3 * k - 1);
  return 1.0 - static_cast<double>(total) / worst;
}

}  // namespace sap::eval
