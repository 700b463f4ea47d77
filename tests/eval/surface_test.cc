// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/surface.h"

#include <cmath>
#include <map>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/rng.h"
#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using nlohmann::json;
using testing::GoldenNumber;

Tensor Block(const XyzInt& begin, const XyzInt& end, int64_t n = 14) {
  Tensor mask = at::zeros({n, n, n}, at::kByte);
  mask.slice(0, begin.x, end.x).slice(1, begin.y, end.y).slice(2, begin.z, end.z).fill_(1);
  return mask;
}

TEST(SurfelAreas, HaveTheClassesOfMarchingCubes) {
  const auto areas = SurfelAreas({1, 1, 1});
  EXPECT_NEAR(std::accumulate(areas.begin(), areas.end(), 0.0), 241.343140, 1e-6);
  std::map<int64_t, int> by_area;
  for (const double area : areas) ++by_area[std::llround(area * 1e6)];
  const std::map<int64_t, int> expected = {{0, 2},
                                           {216506, 16},
                                           {433013, 32},
                                           {649519, 16},
                                           {707107, 24},
                                           {866025, 2},
                                           {923613, 48},
                                           {1000000, 6},
                                           {1149519, 48},
                                           {1299038, 8},
                                           {1366025, 24},
                                           {1414214, 6},
                                           {1573132, 24}};
  EXPECT_EQ(by_area, expected);
  const auto anisotropic = SurfelAreas({3, 2, 1});
  EXPECT_NEAR(std::accumulate(anisotropic.begin(), anisotropic.end(), 0.0), 950.489590, 1e-6);
}

struct PublishedCase {
  Tensor reference;
  Tensor predicted;
  XyzDouble spacing_mm;
  double tau_mm;
  double surfel;
  double border;
};

TEST(CompareSurfaces, GivesTheSpecificationsExamples) {
  const Tensor cube5 = Block({4, 4, 4}, {9, 9, 9});
  const Tensor moved5 = Block({5, 4, 4}, {10, 9, 9});
  const Tensor cube7 = Block({3, 3, 3}, {10, 10, 10});
  const Tensor slices = Block({4, 4, 4}, {9, 9, 6});
  const std::vector<PublishedCase> cases = {
      {Block({4, 4, 4}, {5, 5, 5}), Block({4, 4, 6}, {5, 5, 7}), {3, 2, 1}, 1, 0.5, 0.0},
      {Block({4, 4, 4}, {5, 5, 5}), Block({4, 4, 6}, {5, 5, 7}), {3, 2, 1}, 2, 1.0, 1.0},
      {cube5, moved5, {1, 1, 1}, 0.5, 0.664474, 0.653061},
      {cube5, moved5, {1, 1, 1}, 1.0, 1.0, 1.0},
      {cube5, moved5, {2, 1, 1}, 1.0, 0.822097, 0.734694},
      {cube5, cube7, {1, 1, 1}, 1.0, 0.868495, 0.784810},
      {cube5, cube7, {1, 1, 1}, 1.5, 0.995673, 0.974684},
      {cube5, slices, {1.2, 1.2, 3}, 1.0, 0.619413, 0.554054},
      {cube5, slices, {1.2, 1.2, 3}, 3.0, 0.779954, 0.722973}};
  for (const PublishedCase& c : cases) {
    const SurfaceScores s = CompareSurfaces(c.reference, c.predicted, c.spacing_mm, {c.tau_mm});
    EXPECT_NEAR(s.nsd_surfel[0], c.surfel, 1e-6);
    EXPECT_NEAR(s.nsd_border[0], c.border, 1e-6);
  }
  const SurfaceScores concentric = CompareSurfaces(cube5, cube7, {1, 1, 1}, {1});
  EXPECT_NEAR(concentric.reference_area_mm2, 131.673176, 1e-6);
  EXPECT_NEAR(concentric.predicted_area_mm2, 268.643739, 1e-6);
}

TEST(CompareSurfaces, OfEmptyMasksIsDecidedBeforeDistances) {
  const Tensor empty = Block({0, 0, 0}, {0, 0, 0});
  const Tensor cube = Block({4, 4, 4}, {9, 9, 9});
  EXPECT_EQ(CompareSurfaces(cube, empty, {1, 1, 1}, {100}).nsd_surfel[0], 0.0);
  EXPECT_EQ(CompareSurfaces(empty, cube, {1, 1, 1}, {100}).nsd_border[0], 0.0);
  EXPECT_TRUE(std::isnan(CompareSurfaces(empty, empty, {1, 1, 1}, {1}).nsd_surfel[0]));
  EXPECT_TRUE(std::isnan(CompareSurfaces(cube, empty, {1, 1, 1}, {1}).hd95_mm));
}

TEST(CompareSurfaces, DoesNotDependOnAxisOrderScaleOrSides) {
  Rng rng({.seed = 2});
  const auto noise = [&] {
    Tensor mask = at::zeros({9, 8, 7}, at::kByte);
    auto* voxel = mask.data_ptr<uint8_t>();
    for (int64_t i = 0; i < mask.numel(); ++i) voxel[i] = rng.Bernoulli(0.3) ? 1 : 0;
    return mask;
  };
  const Tensor a = noise();
  const Tensor b = noise();
  const XyzDouble spacing{1.0, 1.3, 2.1};
  const SurfaceScores base = CompareSurfaces(a, b, spacing, {1, 2});
  const SurfaceScores scaled = CompareSurfaces(a, b, {10, 13, 21}, {10, 20});
  const SurfaceScores turned = CompareSurfaces(
      a.permute({2, 0, 1}).contiguous(), b.permute({2, 0, 1}).contiguous(), {2.1, 1, 1.3}, {1, 2});
  const SurfaceScores swapped = CompareSurfaces(b, a, spacing, {1, 2});
  for (std::size_t t = 0; t < 2; ++t) {
    for (const SurfaceScores* other : {&scaled, &turned, &swapped}) {
      EXPECT_NEAR(other->nsd_surfel[t], base.nsd_surfel[t], 1e-12);
      EXPECT_NEAR(other->nsd_border[t], base.nsd_border[t], 1e-12);
    }
  }
  EXPECT_LE(base.nsd_surfel[0], base.nsd_surfel[1]);
}

TEST(CompareSurfaces, ClosesAMaskAtTheVolumesEdge) {
  const Tensor inside = Block({4, 4, 4}, {9, 9, 9});
  const Tensor at_edge = Block({0, 9, 0}, {5, 14, 5});
  EXPECT_NEAR(CompareSurfaces(at_edge, at_edge, {1, 2, 3}, {1}).reference_area_mm2,
              CompareSurfaces(inside, inside, {1, 2, 3}, {1}).reference_area_mm2,
              1e-9);
}

TEST(SurfaceGolden, AgreesWithSurfaceDistanceAndMonai) {
  SAP_REQUIRE_SHARED(path, "golden/surface.json");
  const json golden = testing::ReadGoldenJson(path);
  auto masks = path;
  masks.replace_extension("safetensors");
  const std::vector<double> taus_mm = golden.at("taus_mm");
  for (const auto& [name, pair] : golden.at("pairs").items()) {
    const json& s = pair.at("spacing");
    const SurfaceScores scores = CompareSurfaces(testing::GoldenTensor(masks, name + ".ref"),
                                                 testing::GoldenTensor(masks, name + ".pred"),
                                                 {s[0], s[1], s[2]},
                                                 taus_mm);
    const auto expect = [&, n = name](double actual, const json& expected, const char* what) {
      if (expected.is_null()) {
        EXPECT_TRUE(std::isnan(actual)) << n << " " << what;
      } else {
        EXPECT_NEAR(actual, expected.get<double>(), 1e-6 * std::max(1.0, std::abs(actual)))
            << n << " " << what;
      }
    };
    for (std::size_t t = 0; t < taus_mm.size(); ++t) {
      expect(scores.nsd_surfel[t], pair.at("nsd_surfel_tau_1e-9")[t], "surfel");
      expect(scores.nsd_border[t], pair.at("nsd_voxel_border_own_float64")[t], "border");
    }
    expect(scores.hd95_mm, pair.at("hausdorff_95"), "hd95");
    const json& mean = pair.at("average_surface_distance");
    if (mean.is_null()) continue;
    expect(scores.assd_mm, 0.5 * (mean[0].get<double>() + mean[1].get<double>()), "assd");
    expect(scores.reference_area_mm2, pair.at("surface_area_ref_pred_mm2")[0], "area");
  }
}

}  // namespace
}  // namespace sap::eval
