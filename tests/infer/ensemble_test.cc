// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/ensemble.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/golden_tensors.h"
#include "support/tensor_near.h"

namespace sap::infer {
namespace {

using sap::testing::GoldenFill;
using sap::testing::TensorNear;

// Three classes from two channels, different for each gain.
Predictor ThreeClasses(double gain) {
  return [gain](const Tensor& w) {
    const Tensor a = w.select(1, 0) * gain;
    const Tensor b = w.select(1, 1) * 2.0;
    return at::stack({a, b, a * b + 0.1}, 1);
  };
}

const SlidingWindowOptions kOptions{.window_vox = {32, 32, 32}};

TEST(PredictVolume, EqualsSoftmaxOfTheStitchedLogits) {
  const Tensor image_CXYZ = GoldenFill(21, {2, 40, 33, 70});
  const Tensor logits_KXYZ = StitchWindows(image_CXYZ, ThreeClasses(1.0), kOptions);
  for (const int64_t prob_class : {0, 2}) {
    const ProbabilityMaps maps = PredictVolume(image_CXYZ, ThreeClasses(1.0), kOptions, prob_class);
    EXPECT_TRUE(TensorNear(maps.probability_XYZ, logits_KXYZ.softmax(0)[prob_class], 1e-6));
    // Rounding may turn a tie; there are none in this image.
    EXPECT_TRUE(at::equal(maps.labels_XYZ, logits_KXYZ.argmax(0).to(at::kByte)));
  }
}

TEST(PredictVolume, OutsideTheBodyIsBackgroundAndInsideNothingChanges) {
  const Tensor image_CXYZ = GoldenFill(22, {2, 40, 33, 130});
  Tensor mask_XYZ = at::zeros({40, 33, 130}, at::kBool);
  mask_XYZ.narrow(2, 50, 20).narrow(0, 10, 12).fill_(true);
  const ProbabilityMaps exact = PredictVolume(image_CXYZ, ThreeClasses(1.0), kOptions, 1);
  const ProbabilityMaps skipped =
      PredictVolume(image_CXYZ, ThreeClasses(1.0), kOptions, 1, mask_XYZ);
  EXPECT_TRUE(at::equal(skipped.labels_XYZ, exact.labels_XYZ * mask_XYZ));
  EXPECT_TRUE(at::equal(skipped.probability_XYZ, exact.probability_XYZ * mask_XYZ));
}

TEST(PredictVolume, RefusesAClassThatTheModelLacks) {
  EXPECT_THROW(PredictVolume(GoldenFill(23, {2, 32, 32, 32}), ThreeClasses(1.0), kOptions, 3),
               Error);
}

TEST(EnsembleMean, OfOneModelEqualsPredictVolume) {
  const Tensor image_CXYZ = GoldenFill(24, {2, 50, 33, 40});
  Tensor mask_XYZ = at::zeros({50, 33, 40}, at::kBool);
  mask_XYZ.narrow(0, 5, 30).narrow(1, 4, 20).narrow(2, 1, 9).fill_(true);
  const ProbabilityMaps one = PredictVolume(image_CXYZ, ThreeClasses(1.0), kOptions, 2, mask_XYZ);
  EnsembleMean mean(image_CXYZ, mask_XYZ, kOptions);
  mean.AddModel(ThreeClasses(1.0));
  const ProbabilityMaps same = mean.Finish(2);
  EXPECT_TRUE(at::equal(same.labels_XYZ, one.labels_XYZ));
  EXPECT_TRUE(TensorNear(same.probability_XYZ, one.probability_XYZ, 1e-6));
  EXPECT_TRUE(TensorNear(mean.Probability(0) + mean.Probability(1) + mean.Probability(2),
                         at::ones({50, 33, 40}),
                         1e-6));
}

TEST(EnsembleMean, AveragesProbabilitiesNotLogits) {
  const Tensor image_CXYZ = GoldenFill(25, {2, 40, 32, 32});
  const auto probability = [&](double gain) {
    return StitchWindows(image_CXYZ, ThreeClasses(gain), kOptions).softmax(0);
  };
  const Tensor expected_KXYZ = (probability(1.0) + probability(-3.0)) / 2;
  EnsembleMean mean(image_CXYZ, {}, kOptions);
  mean.AddModel(ThreeClasses(1.0));
  mean.AddModel(ThreeClasses(-3.0));
  const ProbabilityMaps maps = mean.Finish(1);
  EXPECT_TRUE(TensorNear(maps.probability_XYZ, expected_KXYZ[1], 1e-6));
  EXPECT_TRUE(at::equal(maps.labels_XYZ, expected_KXYZ.argmax(0).to(at::kByte)));
}

TEST(EnsembleMean, RefusesModelsOfDifferentTasks) {
  EnsembleMean mean(GoldenFill(26, {2, 32, 32, 32}), {}, kOptions);
  mean.AddModel(ThreeClasses(1.0));
  EXPECT_THROW(mean.AddModel([](const Tensor& w) { return w; }), Error);
}

TEST(BodyBox, IsTheTightBox) {
  Tensor mask_XYZ = at::zeros({10, 11, 12}, at::kBool);
  mask_XYZ[3][4][5] = true;
  mask_XYZ[6][4][9] = true;
  EXPECT_EQ(BodyBox(mask_XYZ, {10, 11, 12}), (Box{{3, 4, 5}, {7, 5, 10}}));
  EXPECT_EQ(BodyBox({}, {10, 11, 12}), (Box{{0, 0, 0}, {10, 11, 12}}));
}

}  // namespace
}  // namespace sap::infer
