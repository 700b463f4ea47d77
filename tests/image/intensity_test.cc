// SPDX-License-Identifier: Apache-2.0
#include "sap/image/intensity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/tensor_near.h"

namespace sap {
namespace {

// numpy's rule on the fully sorted values.
double BySorting(const Tensor& values, double q) {
  const Tensor sorted = std::get<0>(values.flatten().sort());
  const double rank = q / 100.0 * static_cast<double>(sorted.numel() - 1);
  const auto low = static_cast<int64_t>(std::floor(rank));
  const int64_t high = std::min(low + 1, sorted.numel() - 1);
  const double a = sorted[low].item<float>();
  const double b = sorted[high].item<float>();
  return a + (b - a) * (rank - static_cast<double>(low));
}

TEST(Percentiles, EqualSortingForEverySizeTiesAndSigns) {
  at::manual_seed(3);
  const std::vector<double> q = {0, 0.1, 1, 25, 50, 62.5, 99, 99.9, 100};
  for (int64_t n = 1; n < 70; ++n) {
    for (const double scale : {1e-3, 2.0, 1e6}) {
      Tensor values = at::randn({n}) * scale;
      if (scale == 2.0) values = values.round();  // ties and zeros
      const std::vector<double> found = Percentiles(values, q);
      for (std::size_t i = 0; i < q.size(); ++i) {
        EXPECT_NEAR(found[i], BySorting(values, q[i]), 1e-12 * scale) << n << " " << q[i];
      }
    }
  }
}

TEST(Percentiles, EqualSortingAcrossThreads) {
  at::manual_seed(4);
  const Tensor values = at::randn({3'000'001});
  for (const double q : {1.0, 50.0, 99.0}) {
    EXPECT_NEAR(Percentiles(values, {q})[0], BySorting(values, q), 1e-12);
  }
}

TEST(PercentilesAbove, EqualThoseOfASelection) {
  at::manual_seed(5);
  const std::vector<double> q = {0, 1, 50, 99.5, 100};
  for (const int64_t n : {5, 60, 2'500'000}) {
    Tensor values = at::randn({n});
    values.masked_fill_(at::rand({n}) < 0.4, 0.0);  // a background that must not count
    for (const float floor : {-0.5F, 0.0F, 0.3F}) {
      if (!(values > floor).any().item<bool>()) continue;
      EXPECT_EQ(PercentilesAbove(values, floor, q),
                Percentiles(values.masked_select(values > floor), q))
          << n << " " << floor;
    }
  }
  EXPECT_EQ(PercentilesAbove(at::arange(6, at::kFloat), 2, {0, 50, 100}),
            (std::vector<double>{3, 4, 5}));
}

TEST(PercentilesAbove, RefuseAnImageWithNothingAbove) {
  EXPECT_THROW(PercentilesAbove(at::zeros({9}), 0, {50}), Error);
  EXPECT_THROW(PercentilesAbove(at::zeros({0}), 0, {50}), Error);
}

TEST(Percentiles, RefuseNanAndEmpty) {
  Tensor values = at::zeros({9});
  values[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(Percentiles(values, {50}), Error);
  EXPECT_THROW(Percentiles(at::zeros({0}), {50}), Error);
  EXPECT_THROW(Percentiles(at::zeros({3}), {101}), Error);
}

TEST(NormalizePercentiles, ScalesTheWindowToZeroAndOne) {
  const Tensor image = at::arange(101, at::kFloat);
  const Tensor expected = ((image.to(at::kDouble) - 1.0) / 98.0).to(at::kFloat);
  EXPECT_TRUE(testing::TensorNear(NormalizePercentiles(image), expected.clamp(0, 1), 1e-7));
  EXPECT_TRUE(testing::TensorNear(NormalizePercentiles(image, 1, 99, false), expected, 1e-7));
}

TEST(NormalizePercentiles, AConstantImageIsZero) {
  EXPECT_TRUE(at::equal(NormalizePercentiles(at::full({4, 4}, 3.0F)), at::zeros({4, 4})));
}

}  // namespace
}  // namespace sap
