// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "eval/logistic.h"
#include "eval/matrix.h"
#include "sap/eval/features.h"
#include "sap/eval/froc.h"

namespace sap::eval {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

struct VectorCount {
  int64_t lesions = 0;
  int64_t all = 0;
};

// Fold of each patient.
std::map<std::string, int64_t> DealPatients(const FeatureSet& set, int64_t max_folds) {
  std::map<std::string, VectorCount> patients;
  for (std::size_t i = 0; i < set.patients.size(); ++i) {
    VectorCount& count = patients[set.patients[i]];
    count.lesions += set.is_lesion[i] ? 1 : 0;
    ++count.all;
  }
  std::vector<std::pair<std::string, VectorCount>> order(patients.begin(), patients.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.lesions, a.second.all) > std::tie(b.second.lesions, b.second.all);
  });
  std::vector<VectorCount> folds(std::min(patients.size(), static_cast<std::size_t>(max_folds)));
  std::map<std::string, int64_t> fold_of_patient;
  for (const auto& [patient, count] : order) {
    // A patient without lesions evens out the sizes, one with lesions their number first.
    const bool has_lesions = count.lesions > 0;
    const auto fewest =
        std::min_element(folds.begin(), folds.end(), [&](const auto& a, const auto& b) {
          return has_lesions ? std::tie(a.lesions, a.all) < std::tie(b.lesions, b.all)
                             : a.all < b.all;
        });
    fewest->lesions += count.lesions;
    fewest->all += count.all;
    fold_of_patient[patient] = fewest - folds.begin();
  }
  return fold_of_patient;
}

// Why the folds cannot be trained; empty when they can.
std::string FoldFault(const FeatureSet& set, const ProbeResult& probe) {
  if (probe.num_folds < 2) {
    return "all vectors are of one patient; a fold needs another to train on";
  }
  for (int64_t fold = 0; fold < probe.num_folds; ++fold) {
    int64_t lesions = 0;
    int64_t healthy = 0;
    for (std::size_t i = 0; i < set.is_lesion.size(); ++i) {
      if (probe.folds[i] != fold) ++(set.is_lesion[i] ? lesions : healthy);
    }
    if (lesions == 0 || healthy == 0) {
      return fmt::format("without the patients of fold {} of {} no {} vector is left to train on",
                         fold + 1,
                         probe.num_folds,
                         lesions == 0 ? "lesion" : "healthy");
    }
  }
  return "";
}

MatrixXd RowsOf(const RowMatrix& matrix, const std::vector<Eigen::Index>& rows) {
  MatrixXd picked(std::ssize(rows), matrix.cols());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    picked.row(static_cast<Eigen::Index>(r)) = matrix.row(rows[r]);
  }
  return picked;
}

// Log odds of the vectors of `fold` by a model of all others.
void ScoreFold(const RowMatrix& features_NE,
               const FeatureSet& set,
               int64_t fold,
               double c,
               ProbeResult& probe) {
  std::vector<Eigen::Index> training;
  std::vector<Eigen::Index> held_out;
  for (std::size_t i = 0; i < probe.folds.size(); ++i) {
    (probe.folds[i] == fold ? held_out : training).push_back(static_cast<Eigen::Index>(i));
  }
  MatrixXd x_NE = RowsOf(features_NE, training);
  const Eigen::RowVectorXd mean_E = x_NE.colwise().mean();
  x_NE.rowwise() -= mean_E;
  Eigen::RowVectorXd scale_E =
      (x_NE.colwise().squaredNorm() / static_cast<double>(x_NE.rows())).cwiseSqrt();
  // A feature that is constant but for rounding tells nothing: it stays near 0.
  scale_E = (scale_E.array() > 1e-12 * mean_E.array().abs()).select(scale_E, 1.0);
  x_NE.array().rowwise() /= scale_E.array();
  VectorXd is_lesion_N(x_NE.rows());
  for (std::size_t r = 0; r < training.size(); ++r) {
    is_lesion_N(static_cast<Eigen::Index>(r)) =
        set.is_lesion[static_cast<std::size_t>(training[r])] ? 1.0 : 0.0;
  }
  const LogisticModel model = FitLogistic(x_NE, is_lesion_N, c);
  for (const Eigen::Index i : held_out) {
    const Eigen::RowVectorXd x_E = (features_NE.row(i) - mean_E).array() / scale_E.array();
    probe.log_odds[static_cast<std::size_t>(i)] = x_E.dot(model.weights_E) + model.intercept;
  }
}

}  // namespace

ProbeResult ProbeLesions(const FeatureSet& set, const ProbeOptions& options) {
  RequireComparable(set);
  const auto fold_of_patient = DealPatients(set, options.folds);
  ProbeResult probe;
  for (const std::string& patient : set.patients) {
    probe.folds.push_back(fold_of_patient.at(patient));
  }
  probe.num_folds = 1 + *std::max_element(probe.folds.begin(), probe.folds.end());
  probe.reason = FoldFault(set, probe);
  if (!probe.reason.empty()) return probe;
  probe.log_odds.resize(set.patients.size());
  const RowMatrix features_NE = MatrixOf(set.features_NE);
  for (int64_t fold = 0; fold < probe.num_folds; ++fold) {
    ScoreFold(features_NE, set, fold, options.c, probe);
  }
  std::vector<double> lesion;
  std::vector<double> healthy;
  for (std::size_t i = 0; i < set.is_lesion.size(); ++i) {
    (set.is_lesion[i] ? lesion : healthy).push_back(probe.log_odds[i]);
  }
  probe.auc = Auroc(lesion, healthy);
  return probe;
}

}  // namespace sap::eval
