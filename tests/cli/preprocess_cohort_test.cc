// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_cohort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sap::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Median 3, MAD 1: 5 robust standard deviations are 7.413.
const std::vector<double> kShifts = {1, 2, 3, 4, 5};

TEST(OutliersOf, AreFarInTheirSpreadOnEitherSide) {
  const Columns cohort = {{"station_shift_mm", kShifts}};
  EXPECT_THAT(OutliersOf({{"station_shift_mm", 10.4}}, cohort, 5), IsEmpty());
  EXPECT_THAT(OutliersOf({{"station_shift_mm", 10.5}}, cohort, 5), ElementsAre("station_shift_mm"));
  EXPECT_THAT(OutliersOf({{"station_shift_mm", -4.5}}, cohort, 5), ElementsAre("station_shift_mm"));
  EXPECT_THAT(OutliersOf({{"station_shift_mm", 10.4}}, cohort, 4.9),
              ElementsAre("station_shift_mm"));
}

TEST(OutliersOf, MustMatterHoweverAlikeTheOthersAre) {
  const Columns cohort = {{"t1_angle_deg", {0.079, 0.0791, 0.088, 0.186}},
                          {"T1_bias_sd", {0.2, 0.2, 0.2, 0.2, 0.23}}};
  EXPECT_THAT(OutliersOf({{"t1_angle_deg", 0.186}}, cohort, 5), IsEmpty());
  EXPECT_THAT(OutliersOf({{"t1_angle_deg", 1.2}}, cohort, 5), ElementsAre("t1_angle_deg"));
  EXPECT_THAT(OutliersOf({{"T1_bias_sd", 0.215}}, cohort, 5), IsEmpty());
  EXPECT_THAT(OutliersOf({{"T1_bias_sd", 0.23}}, cohort, 5), ElementsAre("T1_bias_sd"));
}

TEST(OutliersOf, NeedFourCases) {
  EXPECT_THAT(OutliersOf({{"body_ml", 9e5}}, {{"body_ml", {1, 2, 9e5}}}, 5), IsEmpty());
}

}  // namespace
}  // namespace sap::cli
