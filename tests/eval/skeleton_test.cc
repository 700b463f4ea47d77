// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/skeleton.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

// One row of voxels with these labels.
Tensor Row(const std::vector<int64_t>& labels) {
  return at::tensor(labels, at::kShort).view({static_cast<int64_t>(labels.size()), 1, 1});
}

SkeletonSummary Evaluate(const Tensor& reference, const Tensor& predicted, AbsentClass absent) {
  return EvaluateSkeleton(
      1,
      [&](std::size_t) {
        return LabelPair{"scan", reference, predicted};
      },
      {"background", "spine", "pelvis", "femur"},
      absent);
}

TEST(EvaluateSkeleton, GivesDicePerClassAndMerged) {
  const SkeletonSummary summary =
      Evaluate(Row({0, 1, 1, 2, 2, 2}), Row({1, 1, 2, 2, 2, 0}), AbsentClass::kZero);
  EXPECT_DOUBLE_EQ(summary.cases[0].dice[1], 2.0 * 1 / (2 + 2));
  EXPECT_DOUBLE_EQ(summary.cases[0].dice[2], 2.0 * 2 / (3 + 3));
  EXPECT_TRUE(std::isnan(summary.cases[0].dice[3]));  // absent in both
  EXPECT_DOUBLE_EQ(summary.DiceOfClass(0)[0], 2.0 * 4 / (5 + 5));
}

TEST(EvaluateSkeleton, AClassThatOnlyThePredictionHasFollowsTheOption) {
  const Tensor reference = Row({1, 1, 2});
  const Tensor predicted = Row({1, 1, 3});
  EXPECT_EQ(Evaluate(reference, predicted, AbsentClass::kZero).cases[0].dice[3], 0.0);
  EXPECT_TRUE(std::isnan(Evaluate(reference, predicted, AbsentClass::kNaN).cases[0].dice[3]));
  EXPECT_EQ(Evaluate(reference, predicted, AbsentClass::kNaN).cases[0].dice[2], 0.0);
}

TEST(EvaluateSkeleton, RefusesLabelsOutsideTheTableAndOtherSizes) {
  EXPECT_THROW(Evaluate(Row({4}), Row({0}), AbsentClass::kZero), Error);
  EXPECT_THROW(Evaluate(Row({1}), Row({1, 1}), AbsentClass::kZero), Error);
}

TEST(CountOverlapPerClass, CountsEachVoxelOnce) {
  const auto counts = CountOverlapPerClass(Row({0, 1, 1, 2}), Row({0, 1, 2, 2}), 3);
  EXPECT_EQ(counts[1].both, 1);
  EXPECT_EQ(counts[1].only_reference, 1);
  EXPECT_EQ(counts[1].only_predicted, 0);
  EXPECT_EQ(counts[2].only_predicted, 1);
  EXPECT_EQ(counts[1].neither, 2);
  EXPECT_DOUBLE_EQ(counts[1].Iou(), 0.5);
}

TEST(Dice, OfTwoEmptyMasksIsNaN) {
  EXPECT_TRUE(std::isnan(Dice(at::zeros({3, 3, 3}), at::zeros({3, 3, 3}))));
  EXPECT_EQ(Dice(at::ones({3, 3, 3}), at::zeros({3, 3, 3})), 0.0);
}

}  // namespace
}  // namespace sap::eval
