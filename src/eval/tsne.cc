// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/tsne.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/matrix.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::eval {
namespace {

using Points = Eigen::ArrayX2d;  // [N, 2]; a column is contiguous

// scikit-learn's schedule (evaluation §2.8).
constexpr int64_t kEarlySteps = 250;
constexpr double kEarlyExaggeration = 12;
constexpr double kEarlyMomentum = 0.5;
constexpr double kMomentum = 0.8;
constexpr double kFirstDeviation = 1e-4;  // of the first coordinate at the start
constexpr int64_t kCheckEvery = 50;
constexpr int64_t kPatience = 300;  // steps without a lower divergence
constexpr double kSmallGradient = 1e-7;
constexpr int64_t kRowGrain = 16;

// The gradient in two sums over j, so that the normaliser need not be known while they run:
// 4 (attraction - repulsion / normaliser).
struct Forces {
  Points attraction;      // sum p_ij w_ij (y_i - y_j), w = 1 / (1 + |y_i - y_j|^2)
  Points repulsion;       // sum w_ij^2 (y_i - y_j)
  double normaliser = 0;  // sum of all w_ij, i != j

  Points Gradient(double exaggeration) const {
    return 4.0 * (exaggeration * attraction - repulsion / normaliser);
  }
};

// Rows are independent, and their sums are added in order: threads change no bit.
Forces ForcesOn(const RowMatrix& joint_NN, const Points& points) {
  const Eigen::Index n = points.rows();
  Forces forces{.attraction = Points(n, 2), .repulsion = Points(n, 2)};
  Eigen::ArrayXd weight_sum_N(n);
  ParallelFor(n, kRowGrain, [&](int64_t begin, int64_t end) {
    Points to(n, 2);
    Eigen::ArrayXd weight_N(n);
    Eigen::ArrayXd pull_N(n);
    for (int64_t i = begin; i < end; ++i) {
      for (int axis = 0; axis < 2; ++axis) to.col(axis) = points(i, axis) - points.col(axis);
      weight_N = (1.0 + to.col(0).square() + to.col(1).square()).inverse();
      weight_N(i) = 0;
      pull_N = joint_NN.row(i).transpose().array() * weight_N;
      weight_sum_N(i) = weight_N.sum();
      weight_N = weight_N.square();
      for (int axis = 0; axis < 2; ++axis) {
        forces.attraction(i, axis) = (pull_N * to.col(axis)).sum();
        forces.repulsion(i, axis) = (weight_N * to.col(axis)).sum();
      }
    }
  });
  for (Eigen::Index i = 0; i < n; ++i) forces.normaliser += weight_sum_N(i);
  return forces;
}

// sum p ln(p / q) with q = w / normaliser.
double Divergence(const RowMatrix& joint_NN, const Points& points, double normaliser) {
  const Eigen::Index n = points.rows();
  Eigen::ArrayXd sum_N = Eigen::ArrayXd::Zero(n);
  ParallelFor(n, kRowGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (Eigen::Index j = 0; j < n; ++j) {
        const double p = joint_NN(i, j);
        if (p <= 0) continue;
        const double squared = (points.row(i) - points.row(j)).square().sum();
        sum_N(i) += p * std::log(p * (1.0 + squared) * normaliser);
      }
    }
  });
  double total = 0;
  for (Eigen::Index i = 0; i < n; ++i) total += sum_N(i);
  return total;
}

// Gradient descent with momentum and a gain per coordinate that grows while its gradient keeps
// pointing one way (Jacobs 1988).
class Descent {
 public:
  explicit Descent(Points points) : points_(std::move(points)) { Restart(); }
  void Restart() {
    update_ = Points::Zero(points_.rows(), 2);
    gains_ = Points::Ones(points_.rows(), 2);
  }
  void Step(const Points& gradient, double momentum) {
    const double rate = std::max(static_cast<double>(points_.rows()) / 48.0, 50.0);
    gains_ = (update_ * gradient < 0).select(gains_ + 0.2, gains_ * 0.8).max(0.01);
    update_ = momentum * update_ - rate * gains_ * gradient;
    points_ += update_;
  }
  const Points& points() const { return points_; }

 private:
  Points points_;
  Points update_;
  Points gains_;
};

Points StartOf(const Tensor& features_NE) {
  const Points plane = MatrixOf(PrincipalPlane(features_NE)).array();
  const double variance = (plane.col(0) - plane.col(0).mean()).square().mean();
  return plane * (kFirstDeviation / std::sqrt(variance));
}

// Returns the steps done.
int64_t Descend(const RowMatrix& joint_NN, int64_t max_steps, Descent& descent) {
  double best_kl = std::numeric_limits<double>::infinity();
  int64_t best_step = 0;
  for (int64_t step = 0; step < max_steps; ++step) {
    const bool early = step < kEarlySteps;
    if (step == kEarlySteps) descent.Restart();
    const Forces forces = ForcesOn(joint_NN, descent.points());
    const Points gradient = forces.Gradient(early ? kEarlyExaggeration : 1.0);
    if (!early && (step + 1) % kCheckEvery == 0) {
      const double kl = Divergence(joint_NN, descent.points(), forces.normaliser);
      if (kl < best_kl) best_step = step;
      best_kl = std::min(best_kl, kl);
      const bool stuck = step - best_step > kPatience;
      if (stuck || gradient.matrix().norm() <= kSmallGradient) return step;
    }
    descent.Step(gradient, early ? kEarlyMomentum : kMomentum);
  }
  return max_steps;
}

}  // namespace

TsneMap Tsne(const Tensor& features_NE, const TsneOptions& options, const std::string& name) {
  const int64_t n = features_NE.size(0);
  SAP_REQUIRE(ErrorKind::kInput,
              static_cast<double>(n) >= options.perplexity + 1,
              "{}: {} vectors; perplexity {:g} needs at least {:g}; lower tsne_perplexity or take "
              "more patches",
              name,
              n,
              options.perplexity,
              std::ceil(options.perplexity) + 1);
  SAP_REQUIRE(
      ErrorKind::kInput,
      !features_NE.eq(features_NE[0]).all().item<bool>(),
      "{}: all {} vectors are equal, so there is no map of them; were they taken before the "
      "network's weights were loaded?",
      name,
      n);
  const RowMatrix joint_NN =
      MatrixOf(JointAffinities(ConditionalAffinities(features_NE, options.perplexity)));
  Descent descent(StartOf(features_NE));
  const int64_t steps = Descend(joint_NN, options.iterations, descent);
  const Points& points = descent.points();
  TsneMap map{.points_N2 = TensorOf(points.matrix()), .iterations = steps};
  map.kl = Divergence(joint_NN, points, ForcesOn(joint_NN, points).normaliser);
  map.trustworthiness = Trustworthiness(features_NE, map.points_N2);
  return map;
}

double TsneLoss(const Tensor& joint_NN, const Tensor& points_N2, Tensor* gradient_N2) {
  const RowMatrix joint = MatrixOf(joint_NN);
  const Points points = MatrixOf(points_N2).array();
  const Forces forces = ForcesOn(joint, points);
  if (gradient_N2 != nullptr) *gradient_N2 = TensorOf(forces.Gradient(1.0).matrix());
  return Divergence(joint, points, forces.normaliser);
}

}  // namespace sap::eval
