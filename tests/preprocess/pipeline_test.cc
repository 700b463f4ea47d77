// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "preprocess/pipeline_state.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "support/shared_folder.h"
#include "support/station_phantom.h"
#include "support/tensor_near.h"

namespace sap::preprocess {
namespace {

using nlohmann::json;

StationSet MakeSet(const std::vector<double>& b_values = {0, 50, 1000}) {
  StationSet set{.case_id = "P"};
  const auto t1 = testing::StationGrids(2, {80, 56, 40}, {5, 5, 5}, 8, -200);
  const auto dwi = testing::StationGrids(2, {76, 52, 32}, {5, 5, 6}, 8, -195);
  for (std::size_t i = 0; i < 2; ++i) {
    set.stations.push_back(
        {testing::SamplePhantom(t1[i], testing::PhantomT1, {.noise_sd = 6, .seed = 1 + i}), kT1});
    for (const double b : b_values) {
      set.stations.push_back(
          {testing::SamplePhantom(dwi[i],
                                  [b](const XyzDouble& p) { return testing::PhantomDwi(p, b); },
                                  {.noise_sd = 2, .seed = 9 + i}),
           kDwi,
           b});
    }
  }
  NumberStations(set.stations);
  return set;
}

PipelineOptions Quick() {
  PipelineOptions options;
  options.spacing_mm = XyzDouble{5, 5, 5};
  options.bias.iterations = {10};
  return options;
}

std::string MessageOf(const StationSet& set, const PipelineOptions& options) {
  try {
    json record;
    RunCase(set, options, {}, record);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(NumberStations, SortsByHeightPerModalityAndSharesAnIndexAmongBValues) {
  StationSet set = MakeSet();
  std::reverse(set.stations.begin(), set.stations.end());
  NumberStations(set.stations);
  for (const Station& s : set.stations) {
    EXPECT_EQ(s.station_idx, CentreZMm(s.image.geometry()) > 0 ? 1 : 0);
  }
  EXPECT_EQ(IndicesOf(set.stations, kDwi).size(), 6U);
}

TEST(Pipeline, AdcSurvivesTheWholeChainWithinTheTissue) {
  json record;
  const CaseResult result = RunCase(MakeSet(), Quick(), {}, record);
  ASSERT_TRUE(result.volumes.adc.has_value());
  const Geometry& grid = result.volumes.t1.geometry();
  EXPECT_TRUE(result.volumes.adc->SameGridAs(result.volumes.b1000, 0));
  EXPECT_TRUE(result.volumes.t1.SameGridAs(result.volumes.b1000, 0));
  // Liver centre of the phantom: 1100 um2/s.
  const XyzDouble at_vox = grid.VoxFromLps({80, -10, 60});
  const Tensor& adc = result.volumes.adc->data();
  const double found =
      adc[std::llround(at_vox.x)][std::llround(at_vox.y)][std::llround(at_vox.z)].item<double>();
  EXPECT_NEAR(found, 1100, 60);
}

TEST(Pipeline, StepsRunInTheirOrderAndOnlyThoseAsked) {
  PipelineOptions options = Quick();
  options.steps = {Step::kMerge, Step::kDenoise};
  std::vector<Step> seen;
  json record;
  RunPlan plan;
  plan.on_step = [&](Step step) { seen.push_back(step); };
  RunCase(MakeSet(), options, plan, record);
  EXPECT_THAT(seen, ::testing::ElementsAre(Step::kMask, Step::kDenoise, Step::kMerge));
  EXPECT_FALSE(record.at("steps").contains("bias"));
}

TEST(Pipeline, ResultsDoNotDependOnTheNumberOfThreads) {
  PipelineOptions options = Quick();
  const StationSet set = MakeSet();
  json record;
  const int threads = NumThreads();
  SetNumThreads(1);
  const CaseResult one = RunCase(set, options, {}, record);
  SetNumThreads(2);
  const CaseResult two = RunCase(set, options, {}, record);
  SetNumThreads(threads);
  EXPECT_TRUE(testing::TensorNear(one.volumes.t1.data(), two.volumes.t1.data(), 1e-2));
  EXPECT_TRUE(testing::TensorNear(one.volumes.b1000.data(), two.volumes.b1000.data(), 0.5));
}

TEST(Pipeline, NamesCaseAndRuleWhenSomethingIsMissing) {
  StationSet no_t1 = MakeSet();
  std::erase_if(no_t1.stations, [](const Station& s) { return s.modality == kT1; });
  EXPECT_THAT(MessageOf(no_t1, Quick()), ::testing::HasSubstr("P: no T1 station"));
  EXPECT_THAT(MessageOf(MakeSet({0, 500}), Quick()), ::testing::HasSubstr("b_tolerance"));
  PipelineOptions cropped = Quick();
  cropped.faults.crop_each_b = true;
  StationSet set = MakeSet();
  set.stations[1].image.data().narrow(0, 0, 3).zero_();
  set.stations[2].image.data().narrow(0, 0, 9).zero_();
  EXPECT_THAT(MessageOf(set, cropped), ::testing::HasSubstr("different grids"));
  EXPECT_EQ(MessageOf(set, Quick()), "");
}

TEST(PipelineState, ComesBackFromItsFolderExactly) {
  PipelineState state;
  state.case_id = "P";
  state.stations = MakeSet().stations;
  state.mask_XYZ[{kT1, 1}] =
      testing::PhantomMaskXYZ(state.stations[state.Find(kT1, 1)].image.geometry());
  state.dwi_shift_mm = {{0, 0, 0}, {1.0 / 3, -2, 0.1}};
  state.dwi_from_t1.offset_mm = {0.1, 0.2, 1.0 / 7};
  state.notices = {"note"};
  const auto folder = testing::FreshFolder() / "state";
  SaveState(state, folder);
  const PipelineState back = LoadState(folder);
  ASSERT_EQ(back.stations.size(), state.stations.size());
  for (std::size_t i = 0; i < back.stations.size(); ++i) {
    EXPECT_TRUE(back.stations[i].image.SameGridAs(state.stations[i].image, 0));
    EXPECT_TRUE(
        testing::TensorNear(back.stations[i].image.data(), state.stations[i].image.data(), 0));
    EXPECT_EQ(back.stations[i].b_s_per_mm2, state.stations[i].b_s_per_mm2);
  }
  EXPECT_TRUE(at::equal(back.mask_XYZ.at({kT1, 1}), state.mask_XYZ.at({kT1, 1})));
  EXPECT_EQ(back.dwi_shift_mm, state.dwi_shift_mm);
  EXPECT_EQ(back.dwi_from_t1.offset_mm, state.dwi_from_t1.offset_mm);
  EXPECT_EQ(back.notices, state.notices);
}

}  // namespace
}  // namespace sap::preprocess
