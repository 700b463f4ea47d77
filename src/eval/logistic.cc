// SPDX-License-Identifier: Apache-2.0
#include "eval/logistic.h"

#include <cmath>

namespace sap::eval {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// The last of `theta` is the intercept; `design` ends in a column of ones for it.
struct Objective {
  MatrixXd design;
  VectorXd positive;
  VectorXd ridge;  // 1, and 0 for the intercept
  double c;

  double Value(const VectorXd& theta) const {
    const VectorXd margin = design * theta;
    double loss = 0;
    for (Eigen::Index i = 0; i < margin.size(); ++i) {
      const double m = positive(i) > 0 ? margin(i) : -margin(i);
      loss += std::max(-m, 0.0) + std::log1p(std::exp(-std::abs(m)));
    }
    return 0.5 * (ridge.array() * theta.array().square()).sum() + c * loss;
  }

  // Gradient, and the Newton direction H^-1 gradient.
  VectorXd Gradient(const VectorXd& theta, VectorXd& direction) const {
    const VectorXd odds = 1.0 / (1.0 + (-(design * theta).array()).exp());
    const VectorXd gradient =
        ridge.cwiseProduct(theta) + c * (design.transpose() * (odds - positive));
    const VectorXd weight = c * (odds.array() * (1.0 - odds.array()));
    MatrixXd hessian = design.transpose() * weight.asDiagonal() * design;
    hessian.diagonal() += ridge;
    direction = hessian.ldlt().solve(gradient);
    return gradient;
  }
};

// Newton's method; the step is halved until the objective falls, as it must far from the minimum.
VectorXd Minimise(const Objective& objective) {
  constexpr int kMaxSteps = 100;
  constexpr double kGap = 1e-20;  // of the objective; its square root is the distance left
  VectorXd theta = VectorXd::Zero(objective.ridge.size());
  double value = objective.Value(theta);
  for (int step = 0; step < kMaxSteps; ++step) {
    VectorXd direction;
    const double decrement = objective.Gradient(theta, direction).dot(direction);
    double length = 1;
    // Near the minimum the full step is right, and the fall is lost in rounding.
    while (decrement > 1e-9 * (1 + value) && length > 1e-12 &&
           objective.Value(theta - length * direction) > value - 1e-4 * length * decrement) {
      length *= 0.5;
    }
    theta -= length * direction;
    value = objective.Value(theta);
    if (decrement <= kGap * (1 + value)) break;
  }
  return theta;
}

}  // namespace

LogisticModel FitLogistic(const MatrixXd& x_NE, const VectorXd& positive_N, double c) {
  const Eigen::Index n = x_NE.rows();
  const Eigen::Index e = x_NE.cols();
  if (e > n) {
    // The minimum lies in the span of the rows: x = z Q^T with z [N, N] has the same inner
    // products.
    const Eigen::HouseholderQR<MatrixXd> qr(x_NE.transpose());
    const MatrixXd upper = qr.matrixQR().topRows(n).triangularView<Eigen::Upper>();
    const LogisticModel inner = FitLogistic(upper.transpose(), positive_N, c);
    VectorXd weights_E = VectorXd::Zero(e);
    weights_E.head(n) = inner.weights_E;
    weights_E.applyOnTheLeft(qr.householderQ());
    return {.weights_E = weights_E, .intercept = inner.intercept};
  }
  Objective objective{.design = MatrixXd::Ones(n, e + 1),
                      .positive = positive_N,
                      .ridge = VectorXd::Ones(e + 1),
                      .c = c};
  objective.design.leftCols(e) = x_NE;
  objective.ridge(e) = 0;
  const VectorXd theta = Minimise(objective);
  return {.weights_E = theta.head(e), .intercept = theta(e)};
}

}  // namespace sap::eval
