// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/features.h"

#include <cmath>
#include <functional>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/logistic.h"
#include "sap/core/error.h"
#include "support/feature_sets.h"
#include "support/tensor_near.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;
using testing::MakeFeatureSet;
using Rows = std::vector<std::vector<double>>;

FeatureSet SetOf(const Rows& rows, const std::vector<bool>& is_lesion) {
  FeatureSet set{.name = "hand", .is_lesion = is_lesion};
  std::vector<Tensor> vectors;
  for (const auto& row : rows) {
    vectors.push_back(at::tensor(row, at::kDouble));
    set.patients.push_back(fmt::format("p{}", vectors.size()));
  }
  set.features_NE = at::stack(vectors);
  return set;
}

std::string MessageOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(MeasureClusters, GivesTheDistancesOfFourPoints) {
  const FeatureSet set = SetOf({{0, 0}, {2, 0}, {10, 0}, {10, 4}}, {true, true, false, false});
  const ClusterMetrics m = MeasureClusters(set);
  const double d = std::sqrt(9.0 * 9.0 + 2.0 * 2.0);  // of (1, 0) and (10, 2)
  EXPECT_NEAR(m.centroid_distance, d, 1e-12);
  EXPECT_NEAR(m.lesion.to_centroid, 1.0, 1e-12);
  EXPECT_NEAR(m.healthy.to_centroid, 2.0, 1e-12);
  EXPECT_NEAR(m.lesion.pairwise, 2.0, 1e-12);
  EXPECT_NEAR(m.healthy.pairwise, 4.0, 1e-12);
  EXPECT_NEAR(m.ratio, d / 1.5, 1e-12);
  EXPECT_NEAR(m.davies_bouldin, 3.0 / d, 1e-12);
  const double other = (10.0 + std::sqrt(116.0)) / 2;  // from the origin to both healthy points
  EXPECT_NEAR(m.silhouettes[0], (other - 2.0) / other, 1e-12);
  EXPECT_EQ(m.lesion.n, 2);
  EXPECT_EQ(m.healthy.n, 2);
}

TEST(MeasureClusters, GivesThePapersRatioAndDaviesBouldinFromItsDistances) {
  EXPECT_NEAR(ClusterRatio(9.85, 21.31, 21.37), 0.462, 5e-4);
  EXPECT_NEAR(ClusterRatio(9.85, 10.02, 10.44), 0.963, 5e-4);
  EXPECT_NEAR(DaviesBouldin(9.85, 21.31, 21.37), 4.33, 5e-3);
  EXPECT_NEAR(DaviesBouldin(9.85, 10.02, 10.44), 2.08, 5e-3);
}

// From the definitions, one vector after the other.
struct Naive {
  Rows rows;
  std::vector<bool> is_lesion;

  explicit Naive(const FeatureSet& set) : is_lesion(set.is_lesion) {
    for (int64_t i = 0; i < set.features_NE.size(0); ++i) {
      rows.emplace_back();
      for (int64_t e = 0; e < set.features_NE.size(1); ++e) {
        rows.back().push_back(set.features_NE[i][e].item<double>());
      }
    }
  }
  static double Distance(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t e = 0; e < a.size(); ++e) sum += (a[e] - b[e]) * (a[e] - b[e]);
    return std::sqrt(sum);
  }
  std::vector<double> Centroid(bool of) const {
    std::vector<double> centroid(rows[0].size(), 0.0);
    const auto n = static_cast<double>(std::count(is_lesion.begin(), is_lesion.end(), of));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t e = 0; e < centroid.size(); ++e) {
        centroid[e] += is_lesion[i] == of ? rows[i][e] / n : 0.0;
      }
    }
    return centroid;
  }
  // Mean distance from `point` to the group, itself left out.
  double MeanTo(const std::vector<double>& point, bool of, std::size_t self) const {
    double sum = 0;
    double n = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (is_lesion[i] != of || i == self) continue;
      sum += Distance(point, rows[i]);
      n += 1;
    }
    return sum / n;
  }
  double Silhouette() const {
    double sum = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double a = MeanTo(rows[i], is_lesion[i], i);
      const double b = MeanTo(rows[i], !is_lesion[i], i);
      sum += (b - a) / std::max(a, b);
    }
    return sum / static_cast<double>(rows.size());
  }
  double Pairwise(bool of) const {
    double sum = 0;
    double n = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (is_lesion[i] != of) continue;
      sum += MeanTo(rows[i], of, i);
      n += 1;
    }
    return sum / n;
  }
};

TEST(MeasureClusters, AgreesWithTheDefinitions) {
  const FeatureSet set = MakeFeatureSet({.num_patients = 5, .vectors_per_patient = 7});
  const ClusterMetrics m = MeasureClusters(set);
  const Naive naive(set);
  constexpr std::size_t kNone = 1000;
  const double lesion = naive.MeanTo(naive.Centroid(true), true, kNone);
  const double healthy = naive.MeanTo(naive.Centroid(false), false, kNone);
  const double apart = Naive::Distance(naive.Centroid(true), naive.Centroid(false));
  EXPECT_NEAR(m.centroid_distance, apart, 1e-10);
  EXPECT_NEAR(m.lesion.to_centroid, lesion, 1e-10);
  EXPECT_NEAR(m.healthy.to_centroid, healthy, 1e-10);
  EXPECT_NEAR(m.lesion.pairwise, naive.Pairwise(true), 1e-10);
  EXPECT_NEAR(m.healthy.pairwise, naive.Pairwise(false), 1e-10);
  EXPECT_NEAR(m.ratio, 2 * apart / (lesion + healthy), 1e-10);
  EXPECT_NEAR(m.davies_bouldin, (lesion + healthy) / apart, 1e-10);
  EXPECT_NEAR(m.silhouette, naive.Silhouette(), 1e-10);
}

TEST(MeasureClusters, RatioDaviesBouldinAndSilhouetteDoNotDependOnTheScale) {
  FeatureSet set = MakeFeatureSet({});
  const ClusterMetrics before = MeasureClusters(set);
  set.features_NE = set.features_NE.to(at::kDouble) * 7.0;
  const ClusterMetrics after = MeasureClusters(set);
  EXPECT_NEAR(after.centroid_distance, 7 * before.centroid_distance, 1e-9);
  EXPECT_NEAR(after.ratio, before.ratio, 1e-12);
  EXPECT_NEAR(after.davies_bouldin, before.davies_bouldin, 1e-12);
  EXPECT_NEAR(after.silhouette, before.silhouette, 1e-12);
}

TEST(MeasureClusters, SaysNothingWhereANumberIsNotDefined) {
  const ClusterMetrics lone = MeasureClusters(SetOf({{0}, {4}, {6}}, {true, false, false}));
  EXPECT_TRUE(std::isnan(lone.lesion.pairwise));
  EXPECT_EQ(lone.silhouettes[0], 0.0);
  const ClusterMetrics same =
      MeasureClusters(SetOf({{-1}, {1}, {-2}, {2}}, {true, true, false, false}));
  EXPECT_EQ(same.ratio, 0.0);
  EXPECT_TRUE(std::isnan(same.davies_bouldin));
  EXPECT_TRUE(std::isnan(MeasureClusters(SetOf({{1}, {2}}, {true, false})).ratio));
}

TEST(RequireComparable, NamesWhatIsWrong) {
  FeatureSet set = SetOf({{0, 0}, {1, NAN}, {2, 0}}, {true, false, false});
  EXPECT_THAT(MessageOf([&] { RequireComparable(set); }),
              HasSubstr("hand: 1 of 3 vectors hold NaN or infinity, the first is row 1"));
  set = SetOf({{0, 0}, {1, 1}}, {false, false});
  EXPECT_THAT(MessageOf([&] { RequireComparable(set); }),
              HasSubstr("hand: 0 lesion and 2 healthy vectors"));
  EXPECT_THROW(MeasureClusters(set), Error);
  EXPECT_THROW(ProbeLesions(set, {}), Error);
}

// The gradient of the penalised likelihood, written anew.
double LargestGradient(const Tensor& x_NE,
                       const Tensor& y_N,
                       const LogisticModel& model,
                       double c) {
  const int64_t e = x_NE.size(1);
  const Tensor w_E = at::empty({e}, at::kDouble);
  for (int64_t k = 0; k < e; ++k) w_E[k] = model.weights_E(k);
  const Tensor error_N = (x_NE.mv(w_E) + model.intercept).sigmoid() - y_N;
  const Tensor gradient_E = w_E + c * x_NE.t().mv(error_N);
  return std::max(gradient_E.abs().max().item<double>(),
                  std::abs(c * error_N.sum().item<double>()));
}

TEST(FitLogistic, TwoPointsHaveTheWeightOfTheScalarEquation) {
  Eigen::MatrixXd x(2, 1);
  x << 1, -1;
  Eigen::VectorXd y(2);
  y << 1, 0;
  const LogisticModel model = FitLogistic(x, y, 3.0);
  // w = 2 c / (1 + e^w): c = 3, and no intercept by symmetry.
  EXPECT_NEAR(model.weights_E(0), 6 / (1 + std::exp(model.weights_E(0))), 1e-10);
  EXPECT_NEAR(model.intercept, 0.0, 1e-10);
}

TEST(FitLogistic, TheGradientVanishesForFewAndForManyFeatures) {
  for (const int64_t e : {6, 90}) {  // fewer and more than vectors
    for (const double c : {1e-3, 1.0, 1e3}) {
      const FeatureSet set =
          MakeFeatureSet({.num_patients = 4, .vectors_per_patient = 10, .num_features = e});
      const Tensor x_NE = set.features_NE.to(at::kDouble);
      Eigen::MatrixXd x(40, e);
      Eigen::VectorXd y(40);
      const Tensor y_N = at::zeros({40}, at::kDouble);
      for (int64_t i = 0; i < 40; ++i) {
        y(i) = set.is_lesion[static_cast<std::size_t>(i)] ? 1.0 : 0.0;
        y_N[i] = y(i);
        for (int64_t k = 0; k < e; ++k) x(i, k) = x_NE[i][k].item<double>();
      }
      const LogisticModel model = FitLogistic(x, y, c);
      EXPECT_LT(LargestGradient(x_NE, y_N, model, c), 1e-9 * (1 + c)) << e << ", " << c;
    }
  }
}

TEST(ProbeLesions, AucCountsPairsOfOutOfFoldScores) {
  FeatureSet set = MakeFeatureSet({.num_patients = 7, .shift = 0.8});
  // Equal vectors of both kinds have equal scores: ties.
  set.features_NE[1] = set.features_NE[0];
  set.features_NE[3] = set.features_NE[2];
  const ProbeResult probe = ProbeLesions(set, {});
  double pairs = 0;
  double won = 0;
  for (std::size_t i = 0; i < set.is_lesion.size(); ++i) {
    for (std::size_t j = 0; j < set.is_lesion.size(); ++j) {
      if (!set.is_lesion[i] || set.is_lesion[j]) continue;
      pairs += 1;
      won += probe.log_odds[i] > probe.log_odds[j]    ? 1.0
             : probe.log_odds[i] == probe.log_odds[j] ? 0.5
                                                      : 0.0;
    }
  }
  ASSERT_TRUE(probe.auc.has_value());
  EXPECT_EQ(probe.log_odds[0], probe.log_odds[1]);
  EXPECT_NEAR(*probe.auc, won / pairs, 1e-12);
  EXPECT_GT(*probe.auc, 0.5);
  EXPECT_LT(*probe.auc, 1.0);
}

TEST(ProbeLesions, APatientIsScoredByAModelThatHasNotSeenIt) {
  FeatureSet set = MakeFeatureSet({});
  const ProbeResult before = ProbeLesions(set, {});
  for (std::size_t i = 0; i < 12; ++i) set.is_lesion[i] = !set.is_lesion[i];  // the first patient
  const ProbeResult after = ProbeLesions(set, {});
  ASSERT_EQ(after.folds, before.folds);
  bool others_changed = false;
  for (std::size_t i = 0; i < set.is_lesion.size(); ++i) {
    if (before.folds[i] == before.folds[0]) {
      EXPECT_EQ(after.log_odds[i], before.log_odds[i]) << i;
    } else {
      others_changed = others_changed || after.log_odds[i] != before.log_odds[i];
    }
  }
  EXPECT_TRUE(others_changed);
}

TEST(ProbeLesions, FoldsKeepPatientsTogetherAndSpreadLesions) {
  // Five patients with lesions and five without.
  FeatureSet set = MakeFeatureSet({});
  for (std::size_t i = 0; i < set.is_lesion.size(); ++i) set.is_lesion[i] = i < 60;
  const ProbeResult probe = ProbeLesions(set, {});
  EXPECT_EQ(probe.num_folds, 5);
  std::set<std::pair<std::string, int64_t>> patient_folds;
  std::vector<int> lesions(5, 0);
  for (std::size_t i = 0; i < set.is_lesion.size(); ++i) {
    patient_folds.insert({set.patients[i], probe.folds[i]});
    lesions[static_cast<std::size_t>(probe.folds[i])] += set.is_lesion[i] ? 1 : 0;
  }
  EXPECT_EQ(patient_folds.size(), 10U);
  EXPECT_EQ(lesions, std::vector<int>(5, 12));
}

TEST(ProbeLesions, SaysWhyThereIsNoAuc) {
  const ProbeResult alone = ProbeLesions(MakeFeatureSet({.num_patients = 1}), {});
  EXPECT_FALSE(alone.auc.has_value());
  EXPECT_THAT(alone.reason, HasSubstr("one patient"));
  FeatureSet set = MakeFeatureSet({.num_patients = 4});
  for (std::size_t i = 0; i < set.is_lesion.size(); ++i) set.is_lesion[i] = i < 6;
  const ProbeResult lone = ProbeLesions(set, {});
  EXPECT_FALSE(lone.auc.has_value());
  EXPECT_THAT(lone.reason, HasSubstr("no lesion vector is left"));
}

TEST(ProbeLesions, SeparatesWhatIsSeparableAndIgnoresConstantFeatures) {
  FeatureSet set = MakeFeatureSet({.shift = 8.0});
  EXPECT_DOUBLE_EQ(*ProbeLesions(set, {}).auc, 1.0);
  const ProbeResult plain = ProbeLesions(set, {});
  set.features_NE = at::cat({set.features_NE, at::full({120, 1}, 0.1)}, 1);
  const ProbeResult padded = ProbeLesions(set, {});
  for (std::size_t i = 0; i < 120; ++i) {
    EXPECT_NEAR(padded.log_odds[i], plain.log_odds[i], 1e-8);
  }
}

}  // namespace
}  // namespace sap::eval
