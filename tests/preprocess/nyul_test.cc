// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/nyul.h"

#include <cmath>

#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/station_phantom.h"
#include "support/tensor_near.h"

namespace sap::preprocess {
namespace {

// Five scans of one body with other gains and a mild non-linearity.
std::vector<Tensor> Cohort() {
  const Geometry grid = testing::StationGrids(1, {60, 44, 60}, {7, 7, 7}, 0)[0];
  std::vector<Tensor> images;
  for (int i = 0; i < 5; ++i) {
    const Tensor clean =
        testing::SamplePhantom(grid, testing::PhantomT1, {.gain = 0.6 + 0.3 * i, .noise_sd = 0.0})
            .data();
    images.push_back(clean * (1 + 1e-4 * i * clean));
  }
  return images;
}

std::vector<double> Standard(const std::vector<Tensor>& images) {
  std::vector<std::vector<double>> landmarks;
  for (const Tensor& image : images) landmarks.push_back(Landmarks(image));
  return FitNyul(landmarks);
}

TEST(Nyul, LandmarksOfAllScansAgreeAfterwards) {
  const std::vector<Tensor> images = Cohort();
  const std::vector<double> standard = Standard(images);
  for (const Tensor& image : images) {
    const std::vector<double> after = Landmarks(ApplyNyul(image, {Landmarks(image), standard}));
    for (std::size_t i = 0; i < after.size(); ++i) {
      EXPECT_NEAR(after[i] / standard[i], 1, 1e-3);
    }
  }
}

TEST(Nyul, FitIsTheTextbookAverage) {
  // Two images; first and last landmark average 15 and 75; the inner ones by hand.
  const std::vector<double> standard = FitNyul({{10, 20, 50}, {20, 60, 100}});
  EXPECT_DOUBLE_EQ(standard[0], 15);
  EXPECT_DOUBLE_EQ(standard[2], 75);
  EXPECT_DOUBLE_EQ(standard[1], 0.5 * ((15 + 10 * 60.0 / 40) + (15 + 40 * 60.0 / 80)));
}

TEST(Nyul, SecondApplicationChangesNothing) {
  const std::vector<Tensor> images = Cohort();
  const std::vector<double> standard = Standard(images);
  const Tensor once = ApplyNyul(images[3], {Landmarks(images[3]), standard});
  const Tensor twice = ApplyNyul(once, {Landmarks(once), standard});
  EXPECT_LT(((twice - once).abs() / once.clamp_min(1)).max().item<double>(), 1e-4);
}

TEST(Nyul, IsMonotoneKeepsZerosAndExtendsLinearly) {
  const NyulMap map{{10, 20, 40}, {100, 150, 160}};
  const Tensor in = at::tensor({0.0F, 5.0F, 10.0F, 15.0F, 20.0F, 30.0F, 40.0F, 60.0F});
  const Tensor expected = at::tensor({0.0F, 75.0F, 100.0F, 125.0F, 150.0F, 155.0F, 160.0F, 170.0F});
  EXPECT_TRUE(testing::TensorNear(ApplyNyul(in, map), expected, 1e-4));
  // Far below the first landmark the extension is negative: the voxel is still body.
  EXPECT_GT(ApplyNyul(at::tensor({0.1F}), {{10, 20}, {1, 100}}).item<float>(), 0);
}

TEST(Nyul, InverseTakesTheImageBack) {
  const std::vector<Tensor> images = Cohort();
  const NyulMap map{Landmarks(images[4]), Standard(images)};
  const Tensor back = ApplyNyul(ApplyNyul(images[4], map), map.Inverse());
  EXPECT_LT(((back - images[4]).abs() / images[4].clamp_min(1)).max().item<double>(), 1e-4);
}

TEST(Nyul, RefusesAnEmptyImage) {
  EXPECT_THROW(Landmarks(at::zeros({4, 4, 4})), Error);
}

}  // namespace
}  // namespace sap::preprocess
