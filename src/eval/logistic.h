// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>

namespace sap::eval {

struct LogisticModel {
  Eigen::VectorXd weights_E;
  double intercept = 0;
};

// Minimises |w|^2 / 2 + c sum log(1 + exp(-s (x w + b))), s = 1 where positive_N is 1 and -1 where
// it is 0, to a distance of about 1e-12 from the minimum. Both classes must be there.
LogisticModel FitLogistic(const Eigen::MatrixXd& x_NE, const Eigen::VectorXd& positive_N, double c);

}  // namespace sap::eval
