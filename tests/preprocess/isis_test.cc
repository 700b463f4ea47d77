// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/isis.h"

#include <gtest/gtest.h>

#include "support/station_phantom.h"

namespace sap::preprocess {
namespace {

using testing::PhantomT1;
using testing::SamplePhantom;

struct Chain {
  std::vector<Volume> images;
  std::vector<Tensor> masks_XYZ;
};

Chain MakeChain(const std::vector<double>& gains, double noise_frac, int64_t overlap_vox = 8) {
  Chain chain;
  const auto grids =
      testing::StationGrids(static_cast<int>(gains.size()), {100, 70, 30}, {4, 4, 6}, overlap_vox);
  for (std::size_t i = 0; i < gains.size(); ++i) {
    chain.images.push_back(
        SamplePhantom(grids[i],
                      PhantomT1,
                      {.gain = gains[i], .noise_sd = noise_frac * 500 * gains[i], .seed = 10 + i}));
    chain.masks_XYZ.push_back(testing::PhantomMaskXYZ(grids[i]));
  }
  return chain;
}

double WorstError(const StationGains& found, const std::vector<double>& truth) {
  double worst = 0;
  const std::size_t centre = (truth.size() - 1) / 2;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    worst = std::max(worst, std::abs(found.gain[i] * truth[i] / truth[centre] - 1));
  }
  return worst;
}

const std::vector<double> kGains = {1.4, 1.0, 0.75};

TEST(Isis, RecoversGainsWithinTheLimitOfEachNoiseLevel) {
  for (const auto& [noise_frac, limit] :
       {std::pair{0.0, 1e-6}, std::pair{0.02, 5e-3}, std::pair{0.05, 1e-2}}) {
    const Chain chain = MakeChain(kGains, noise_frac);
    const double error = WorstError(EstimateGains(chain.images, chain.masks_XYZ), kGains);
    EXPECT_LT(error, limit) << "noise " << noise_frac;
  }
}

TEST(Isis, CentralStationKeepsItsGain) {
  const Chain chain = MakeChain(kGains, 0);
  EXPECT_EQ(EstimateGains(chain.images, chain.masks_XYZ).gain[1], 1.0);
}

TEST(Isis, LesionInTheOverlapMovesTheRobustGainLessThanTheMean) {
  Chain chain = MakeChain(kGains, 0.02);
  // A bright lesion that only one station shows fully: 5 % of the overlap at ten times the signal.
  chain.images[1].data().narrow(2, 22, 8).narrow(0, 40, 20).narrow(1, 30, 12).mul_(10);
  const double robust = WorstError(EstimateGains(chain.images, chain.masks_XYZ), kGains);
  const double mean = WorstError(
      EstimateGains(chain.images, chain.masks_XYZ, {.estimator = GainEstimator::kAuthorMean}),
      kGains);
  EXPECT_LT(robust, 1e-2);
  EXPECT_GT(mean, 5e-2);
}

TEST(Isis, AuthorMeanIsTheRatioOfOverlapMeans) {
  const Chain chain = MakeChain({1.0, 2.0}, 0);
  const StationGains found =
      EstimateGains(chain.images, chain.masks_XYZ, {.estimator = GainEstimator::kAuthorMean});
  const Tensor both =
      chain.masks_XYZ[0].narrow(2, 22, 8).logical_and(chain.masks_XYZ[1].narrow(2, 0, 8));
  const double low =
      chain.images[0].data().narrow(2, 22, 8).masked_select(both).mean().item<double>();
  const double up =
      chain.images[1].data().narrow(2, 0, 8).masked_select(both).mean().item<double>();
  EXPECT_NEAR(found.pairs[0].ratio, up / low, 1e-4);
  EXPECT_NEAR(found.gain[1], low / up, 1e-4);
}

TEST(Isis, WithoutOverlapGainsStayAndSayso) {
  const Chain chain = MakeChain(kGains, 0, -1);
  const StationGains found = EstimateGains(chain.images, chain.masks_XYZ);
  EXPECT_EQ(found.gain, (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(found.notices.size(), 2U);
  const StationGains matched = EstimateGains(chain.images, chain.masks_XYZ, {.adjoining = true});
  EXPECT_LT(WorstError(matched, kGains), 0.2);
  EXPECT_TRUE(matched.notices.empty());
}

}  // namespace
}  // namespace sap::preprocess
