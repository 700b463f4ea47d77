// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/lesions.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "phantom_fixture.h"
#include "sap/image/components.h"
#include "sap/phantom/mr_signal.h"
#include "support/shared_folder.h"

namespace sap::phantom {
namespace {

std::vector<Finding> LesionsOf(const Findings& findings) {
  std::vector<Finding> lesions;
  std::copy_if(findings.list.begin(),
               findings.list.end(),
               std::back_inserter(lesions),
               [](const Finding& f) { return f.kind == FindingKind::kLesion; });
  return lesions;
}

double MeanWhere(const Tensor& image, const Tensor& mask) {
  return image.index({mask}).to(at::kDouble).mean().item<double>();
}

TEST(DrawLesionVolume, HasMedianHalfAMillilitreAndAQuarterAboveOne) {
  Rng rng({.seed = 3});
  std::vector<double> volumes_ml(20000);
  for (double& v : volumes_ml) v = DrawLesionVolumeMl(LesionOptions{}, rng);
  std::sort(volumes_ml.begin(), volumes_ml.end());
  EXPECT_NEAR(volumes_ml[10000], 0.5, 0.03);
  EXPECT_NEAR(volumes_ml[15000], 1.0, 0.06);
}

TEST(DrawLesionCount, CoversOneToForty) {
  int least = 1000, most = 0;
  for (uint64_t subject = 0; subject < 2000; ++subject) {
    const int count = DrawLesionCount(LesionOptions{}, 1, subject);
    least = std::min(least, count);
    most = std::max(most, count);
  }
  EXPECT_EQ(least, 1);
  EXPECT_EQ(most, 40);
}

TEST(PlaceFindings, MakesOneComponentPerLesionInsideMarrow) {
  for (const double spacing_mm : {2.5, 4.0}) {
    const Body body = SampleBody(4, spacing_mm);
    const Findings findings = PlaceFindings(body, LesionOptions{}, 30, 7, 4);
    const std::vector<Finding> lesions = LesionsOf(findings);
    const Tensor gt = findings.LesionMaskXYZ();
    EXPECT_EQ(lesions.size(), 30U);
    for (const auto connectivity : {Connectivity::k6, Connectivity::k26}) {
      EXPECT_EQ(LabelComponents(gt, connectivity).list.size(), lesions.size());
    }
    EXPECT_EQ(((gt != 0) & (body.MarrowXYZ() == 0)).sum().item<int64_t>(), 0);
    int64_t listed = 0;
    for (const Finding& lesion : lesions) {
      listed += lesion.num_vox;
      EXPECT_GE(lesion.num_vox, 3);
      EXPECT_GE(lesion.region, 1);
      EXPECT_LE(lesion.region, kNumRegions);
    }
    EXPECT_EQ(gt.sum().item<int64_t>(), listed);
  }
}

TEST(PlaceFindings, ReachesTheTargetVolumes) {
  const Body body = SampleBody(5, 2.5);
  int near = 0;
  const std::vector<Finding> lesions = LesionsOf(PlaceFindings(body, LesionOptions{}, 40, 7, 5));
  for (const Finding& lesion : lesions) {
    near += std::abs(lesion.volume_ml - lesion.target_ml) < 0.15 * lesion.target_ml + 0.04;
  }
  EXPECT_GE(near, static_cast<int>(lesions.size()) * 9 / 10);
}

TEST(PlaceFindings, KeepsMimicsOutOfTheTruth) {
  const Body body = SampleBody(6, 4.0);
  int num_mimics = 0;
  for (uint64_t subject = 0; subject < 4; ++subject) {
    const Findings findings = PlaceFindings(body, LesionOptions{}, 0, 7, subject);
    num_mimics += static_cast<int>(findings.list.size());
    EXPECT_EQ(findings.LesionMaskXYZ().sum().item<int64_t>(), 0);
  }
  EXPECT_GT(num_mimics, 3);
  LesionOptions none;
  none.mimics = false;
  EXPECT_TRUE(PlaceFindings(body, none, 0, 7, 0).list.empty());
}

TEST(MakeSignals, ShowsLesionsDarkOnT1AndBrightOnB1000) {
  const Body body = SampleBody(8, 2.5);
  const Findings findings = PlaceFindings(body, LesionOptions{}, 25, 7, 8);
  const Signals signals = MakeSignals(body, findings, SignalOptions{}, 7, 8, 0);
  const Tensor lesion = findings.LesionMaskXYZ() != 0;
  const Tensor marrow = (body.MarrowXYZ() != 0) & (findings.marks_XYZ == 0);
  EXPECT_LT(MeanWhere(signals.t1.data(), lesion), 0.8 * MeanWhere(signals.t1.data(), marrow));
  EXPECT_GT(MeanWhere(signals.b1000.data(), lesion), 1.8 * MeanWhere(signals.b1000.data(), marrow));
}

TEST(MakeSignals, RepeatsDifferInNoiseOnly) {
  const Body body = SampleBody(9);
  const Findings none = PlaceFindings(body, LesionOptions{}, 0, 7, 9);
  const Signals first = MakeSignals(body, none, SignalOptions{}, 7, 9, 0);
  const Signals again = MakeSignals(body, none, SignalOptions{}, 7, 9, 0);
  const Signals second = MakeSignals(body, none, SignalOptions{}, 7, 9, 1);
  EXPECT_TRUE(first.t1.data().equal(again.t1.data()));
  EXPECT_FALSE(first.t1.data().equal(second.t1.data()));
  EXPECT_FALSE(first.b1000.data().equal(second.b1000.data()));
}

TEST(MakeSignals, AirFollowsTheRayleighLaw) {
  const Body body = SampleBody(9);
  const Findings none = PlaceFindings(body, LesionOptions{}, 0, 7, 9);
  SignalOptions options;
  options.noise_frac = 0.05;
  const Tensor t1 = MakeSignals(body, none, options, 7, 9, 0).t1.data();
  const int64_t top = t1.size(2) - 20;
  const Tensor air = t1.narrow(0, 0, 8).narrow(2, top, 20).to(at::kDouble);  // beside the head
  // Mean over standard deviation of a Rayleigh variable: sqrt(pi / (4 - pi)).
  EXPECT_NEAR((air.mean() / air.std()).item<double>(), 1.913, 0.1);
}

}  // namespace
}  // namespace sap::phantom
