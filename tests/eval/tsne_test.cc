// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/tsne.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "support/feature_sets.h"
#include "support/tensor_near.h"

namespace sap::eval {
namespace {

using ::testing::HasSubstr;
using testing::MakeFeatureSet;
using testing::TensorNear;

Tensor SmallFeatures() {
  return MakeFeatureSet({.num_patients = 5, .vectors_per_patient = 8, .num_features = 9})
      .features_NE.to(at::kDouble);
}

Tensor SpreadPoints(int64_t n) {
  Rng rng({.seed = 3});
  const Tensor points_N2 = at::zeros({n, 2}, at::kDouble);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t axis = 0; axis < 2; ++axis) points_N2[i][axis] = 2 * rng.Normal();
  }
  return points_N2;
}

double SquaredDistance(const Tensor& rows, int64_t i, int64_t j) {
  return (rows[i] - rows[j]).square().sum().item<double>();
}

TEST(ConditionalAffinities, EachRowHasTheEntropyOfThePerplexity) {
  const Tensor features_NE = MakeFeatureSet({}).features_NE;
  for (const double perplexity : {5.0, 15.0, 50.0}) {
    const Tensor p_NN = ConditionalAffinities(features_NE, perplexity);
    const Tensor entropy_N = -at::xlogy(p_NN, p_NN).sum(1);
    EXPECT_TRUE(TensorNear(entropy_N, at::full({120}, std::log(perplexity), at::kDouble), 1e-9));
    EXPECT_TRUE(TensorNear(p_NN.sum(1), at::ones({120}, at::kDouble), 1e-12));
    EXPECT_EQ(p_NN.diagonal().abs().max().item<double>(), 0.0);
  }
}

// One row by bisection over sigma on a logarithmic scale, without any shift.
std::vector<double> NaiveRow(const Tensor& features_NE, int64_t i, double perplexity) {
  double low = -10;
  double high = 10;
  std::vector<double> row;
  for (int step = 0; step < 80; ++step) {
    const double sigma = std::exp(0.5 * (low + high));
    row.clear();
    double sum = 0;
    for (int64_t j = 0; j < features_NE.size(0); ++j) {
      row.push_back(i == j ? 0.0
                           : std::exp(-SquaredDistance(features_NE, i, j) / (2 * sigma * sigma)));
      sum += row.back();
    }
    double entropy = 0;
    for (double& p : row) {
      p /= sum;
      if (p > 0) entropy -= p * std::log(p);
    }
    (entropy < std::log(perplexity) ? low : high) = 0.5 * (low + high);
  }
  return row;
}

TEST(ConditionalAffinities, AgreeWithANaiveBisection) {
  const Tensor features_NE = SmallFeatures();
  const Tensor p_NN = ConditionalAffinities(features_NE, 7.0);
  for (const int64_t i : {0, 17, 39}) {
    EXPECT_TRUE(TensorNear(p_NN[i], at::tensor(NaiveRow(features_NE, i, 7.0), at::kDouble), 1e-9));
  }
}

TEST(ConditionalAffinities, DoNotDependOnTheScaleAndBearEqualVectors) {
  const Tensor features_NE = SmallFeatures();
  const Tensor p_NN = ConditionalAffinities(features_NE, 7.0);
  EXPECT_TRUE(TensorNear(ConditionalAffinities(features_NE * 1e6, 7.0), p_NN, 1e-9));
  EXPECT_TRUE(TensorNear(ConditionalAffinities(features_NE * 1e-6, 7.0), p_NN, 1e-9));
  Tensor equal_NE = features_NE.clone();
  equal_NE.slice(0, 0, 20).copy_(features_NE[0].expand({20, 9}));
  const Tensor row_N = ConditionalAffinities(equal_NE, 7.0)[0];
  // 19 equal neighbours at least share the weight: more than 7 whatever the width.
  EXPECT_TRUE(TensorNear(row_N.slice(0, 1, 20), at::full({19}, 1.0 / 19, at::kDouble), 1e-9));
}

TEST(JointAffinities, AreSymmetricAndSumToOne) {
  const Tensor p_NN = JointAffinities(ConditionalAffinities(SmallFeatures(), 7.0));
  EXPECT_TRUE(TensorNear(p_NN, p_NN.t(), 0.0));
  EXPECT_NEAR(p_NN.sum().item<double>(), 1.0, 1e-12);
}

// KL with the whole matrix Q.
double NaiveLoss(const Tensor& p_NN, const Tensor& points_N2) {
  const int64_t n = points_N2.size(0);
  double normaliser = 0;
  double loss = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (i != j) normaliser += 1 / (1 + SquaredDistance(points_N2, i, j));
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double q = 1 / (1 + SquaredDistance(points_N2, i, j)) / normaliser;
      const double p = p_NN[i][j].item<double>();
      loss += p * std::log(p / q);
    }
  }
  return loss;
}

TEST(TsneLoss, IsTheDivergenceAndItsGradient) {
  const int64_t n = 12;
  const Tensor p_NN = JointAffinities(ConditionalAffinities(SmallFeatures().slice(0, 0, n), 4.0));
  const Tensor points_N2 = SpreadPoints(n);
  Tensor gradient_N2;
  EXPECT_NEAR(TsneLoss(p_NN, points_N2, &gradient_N2), NaiveLoss(p_NN, points_N2), 1e-12);
  constexpr double kStep = 1e-5;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t axis = 0; axis < 2; ++axis) {
      const Tensor above_N2 = points_N2.clone();
      const Tensor below_N2 = points_N2.clone();
      above_N2[i][axis] += kStep;
      below_N2[i][axis] -= kStep;
      const double slope = (NaiveLoss(p_NN, above_N2) - NaiveLoss(p_NN, below_N2)) / (2 * kStep);
      EXPECT_NEAR(gradient_N2[i][axis].item<double>(), slope, 1e-9) << i << ", " << axis;
    }
  }
}

TEST(PrincipalPlane, GivesTheScoresOfAKnownEllipseWithFixedSigns) {
  // Axes (-0.6, 0.8) with deviation 3 and (0.8, 0.6) with deviation 1; the largest loading counts.
  const Tensor scores_N2 =
      at::tensor({3., 1., 3., -1., -3., 1., -3., -1.}, at::kDouble).view({4, 2});
  const Tensor axes_22 = at::tensor({-0.6, 0.8, 0.8, 0.6}, at::kDouble).view({2, 2});
  EXPECT_TRUE(TensorNear(PrincipalPlane(scores_N2.mm(axes_22) + 5.0), scores_N2, 1e-12));
  // The same plane when there are more features than vectors.
  const Tensor wide_NE = at::constant_pad_nd(scores_N2.mm(axes_22), {0, 6}, 2.0);
  EXPECT_TRUE(TensorNear(PrincipalPlane(wide_NE), scores_N2, 1e-12));
  // Turned by half a turn, each axis has its largest loading positive again.
  EXPECT_TRUE(TensorNear(PrincipalPlane(-scores_N2.mm(axes_22)), -scores_N2, 1e-12));
}

// Venna and Kaski's sum, ranks counted one by one (no distances tie here).
double NaiveTrustworthiness(const Tensor& features_NE, const Tensor& points_N2, int64_t k) {
  const int64_t n = features_NE.size(0);
  const auto rank = [n](const Tensor& rows, int64_t i, int64_t j) {
    int64_t nearer = 0;
    for (int64_t m = 0; m < n; ++m) {
      if (m != i && SquaredDistance(rows, i, m) < SquaredDistance(rows, i, j)) ++nearer;
    }
    return nearer + 1;
  };
  double excess = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (i == j || rank(points_N2, i, j) > k) continue;
      excess += static_cast<double>(std::max<int64_t>(0, rank(features_NE, i, j) - k));
    }
  }
  return 1 - excess * 2 / static_cast<double>(n * k * (2 * n - 3 * k - 1));
}

TEST(Trustworthiness, AgreesWithTheDefinition) {
  const Tensor features_NE = SmallFeatures().slice(0, 0, 20);
  const Tensor points_N2 = SpreadPoints(20);
  EXPECT_NEAR(*Trustworthiness(features_NE, points_N2, 4),
              NaiveTrustworthiness(features_NE, points_N2, 4),
              1e-12);
  EXPECT_DOUBLE_EQ(*Trustworthiness(points_N2, points_N2 * 3.0, 4), 1.0);
  EXPECT_FALSE(Trustworthiness(features_NE, points_N2, 10).has_value());
}

// Share of points whose nearest neighbour in the map is of the same kind.
double LabelAgreement(const Tensor& points_N2, const std::vector<bool>& is_lesion) {
  Tensor distance_NN = at::cdist(points_N2, points_N2);
  distance_NN.fill_diagonal_(1e9);
  const Tensor nearest_N = distance_NN.argmin(1);
  double same = 0;
  for (std::size_t i = 0; i < is_lesion.size(); ++i) {
    const auto j = static_cast<std::size_t>(nearest_N[static_cast<int64_t>(i)].item<int64_t>());
    same += is_lesion[i] == is_lesion[j] ? 1 : 0;
  }
  return same / static_cast<double>(is_lesion.size());
}

TEST(Tsne, KeepsGroupsApartAndReportsTheLossOfItsPoints) {
  const FeatureSet set = MakeFeatureSet({.shift = 8.0});
  const TsneMap map = Tsne(set.features_NE, {}, "made");
  const Tensor p_NN = JointAffinities(ConditionalAffinities(set.features_NE, 15.0));
  Tensor gradient_N2;
  EXPECT_NEAR(map.kl, TsneLoss(p_NN, map.points_N2, &gradient_N2), 1e-12);
  // A minimum: less than the start, and nearly flat.
  EXPECT_LT(map.kl, 0.5 * TsneLoss(p_NN, PrincipalPlane(set.features_NE) * 1e-4));
  EXPECT_LT(gradient_N2.abs().max().item<double>(), 1e-4);
  EXPECT_DOUBLE_EQ(LabelAgreement(map.points_N2, set.is_lesion), 1.0);
  EXPECT_GT(*map.trustworthiness, 0.7);
}

TEST(Tsne, IsTheSameForAnyNumberOfThreads) {
  const Tensor features_NE = MakeFeatureSet({}).features_NE;
  const TsneOptions options{.iterations = 300};
  SetNumThreads(1);
  const TsneMap one = Tsne(features_NE, options, "made");
  SetNumThreads(3);
  const TsneMap three = Tsne(features_NE, options, "made");
  SetNumThreads(0);
  EXPECT_TRUE(at::equal(one.points_N2, three.points_N2));
  EXPECT_EQ(one.kl, three.kl);
  EXPECT_EQ(one.iterations, 300);
}

TEST(Tsne, SaysWhatThePerplexityNeeds) {
  const Tensor features_NE = SmallFeatures();
  const auto message = [&](const Tensor& vectors_NE, double perplexity) -> std::string {
    try {
      Tsne(vectors_NE, {.perplexity = perplexity, .iterations = 250}, "ssl");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message(features_NE.slice(0, 0, 15), 15),
              HasSubstr("ssl: 15 vectors; perplexity 15 needs at least 16"));
  EXPECT_EQ(message(features_NE.slice(0, 0, 16), 15), "");
  EXPECT_THAT(message(at::full({40, 9}, 0.1), 15), HasSubstr("ssl: all 40 vectors are equal"));
}

}  // namespace
}  // namespace sap::eval
