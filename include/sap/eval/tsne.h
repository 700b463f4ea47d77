// SPDX-License-Identifier: Apache-2.0
// Exact t-SNE (van der Maaten and Hinton 2008) in O(N^2), with the schedule of scikit-learn
// (evaluation §2.8). Nothing is drawn, and threads change no bit. Shapes: N vectors, E features.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sap/core/tensor.h"

namespace sap::eval {

struct TsneOptions {
  double perplexity = 15.0;
  int64_t iterations = 1000;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("tsne_perplexity", perplexity)
        .Help("neighbours that a vector of features counts in its t-SNE map")
        .AtLeast(2);
    v.Field("tsne_iterations", iterations)
        .Help("steps of t-SNE at most; the first 250 exaggerate attraction 12 times")
        .Range(500, 100000);
  }
};

struct TsneMap {
  Tensor points_N2;                       // float64; only distances between near points mean much
  double kl = 0;                          // divergence reached [nats]
  int64_t iterations = 0;                 // done; fewer when nothing improves
  std::optional<double> trustworthiness;  // of kTrustNeighbours; nothing below 25 vectors
};
inline constexpr int64_t kTrustNeighbours = 12;

// `name` stands in messages. Throws kInput when N < perplexity + 1 (no row of affinities can then
// have the entropy asked for), or when all vectors are equal.
TsneMap Tsne(const Tensor& features_NE, const TsneOptions& options, const std::string& name);

// Its parts. features_NE is floating point, [N, E], CPU; every result is float64.

// p(j|i), [N, N]: Gaussian rows of entropy ln(perplexity) nats within 1e-9, diagonal 0. A vector
// with more than `perplexity` equals keeps the lowest entropy it can have.
Tensor ConditionalAffinities(const Tensor& features_NE, double perplexity);
// (P + P^T) / 2N of conditional ones: symmetric, sum 1.
Tensor JointAffinities(const Tensor& conditional_NN);
// KL(P || Q) of a map with Student weights; the gradient [N, 2] where asked for.
double TsneLoss(const Tensor& joint_NN, const Tensor& points_N2, Tensor* gradient_N2 = nullptr);
// Scores on the first two principal axes, [N, 2]; each axis' largest loading is positive.
Tensor PrincipalPlane(const Tensor& features_NE);
// Venna and Kaski 2001: 1 when the k neighbours in the map are neighbours among the features.
// Nothing unless 2 k < N. Equal distances rank by index.
std::optional<double> Trustworthiness(const Tensor& features_NE,
                                      const Tensor& points_N2,
                                      int64_t k = kTrustNeighbours);

}  // namespace sap::eval
