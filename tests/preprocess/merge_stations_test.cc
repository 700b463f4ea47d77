// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/merge_stations.h"

#include <cmath>

#include <gtest/gtest.h>

#include "sap/image/resample.h"
#include "support/station_phantom.h"
#include "support/tensor_near.h"

namespace sap::preprocess {
namespace {

using testing::SamplePhantom;
using testing::StationGrids;
using testing::TensorNear;

Tensor Everywhere(const Volume& image) {
  return at::ones_like(image.data()).to(at::kBool);
}

std::vector<MergeInput> Sampled(const std::vector<Geometry>& grids,
                                const std::function<double(const XyzDouble&)>& signal) {
  std::vector<MergeInput> inputs;
  for (const Geometry& grid : grids) {
    const Volume image = SamplePhantom(grid, signal);
    inputs.push_back({image, Everywhere(image)});
  }
  return inputs;
}

TEST(MergeStations, KeepsAConstantAndALinearRampExactly) {
  const auto grids = StationGrids(3, {20, 16, 24}, {3, 3, 5}, 6);
  const Geometry grid = MergedGrid(grids, {2, 2, 2});
  for (const bool ramp : {false, true}) {
    const auto signal = [&](const XyzDouble& p) {
      return ramp ? 500 + 0.7 * p.x - 0.4 * p.y + 0.9 * p.z : 42.0;
    };
    const Merged merged = MergeStations(Sampled(grids, signal), grid);
    const Tensor expected = SamplePhantom(grid, signal).data();
    // Half an edge voxel has only one neighbour: compare where both exist.
    const auto inner = [](const Tensor& t) {
      return t.narrow(0, 2, t.size(0) - 4).narrow(1, 2, t.size(1) - 4).narrow(2, 2, t.size(2) - 4);
    };
    EXPECT_TRUE(TensorNear(inner(merged.image.data()), inner(expected), 1e-3)) << ramp;
    EXPECT_TRUE(merged.body_XYZ.all().item<bool>());
  }
}

TEST(MergeStations, WeightsFallLinearlyOverTheOverlap) {
  const auto grids = StationGrids(2, {4, 4, 20}, {4, 4, 5}, 8);
  std::vector<MergeInput> inputs = Sampled(grids, [](const XyzDouble&) { return 100.0; });
  inputs[1].image.data().fill_(200);
  const Geometry grid = MergedGrid(grids, grids[0].spacing_mm);
  const Tensor row = MergeStations(inputs, grid).image.data()[2][2];
  for (int64_t z = 0; z < grid.size_vox.z; ++z) {
    const double w_up = std::clamp((static_cast<double>(z) - 12) / 7, 0.0, 1.0);
    EXPECT_NEAR(row[z].item<double>(), 100 + 100 * w_up, 1e-2) << z;
  }
}

TEST(MergeStations, SeamStepIsNoLargerThanTheSliceDifferenceWithinAStation) {
  const auto grids = StationGrids(3, {100, 70, 32}, {4, 4, 5}, 8);
  const Geometry grid = MergedGrid(grids, {4, 4, 5});
  const Merged merged = MergeStations(Sampled(grids, testing::PhantomT1), grid);
  const Tensor step_Z = (merged.image.data().narrow(2, 1, grid.size_vox.z - 1) -
                         merged.image.data().narrow(2, 0, grid.size_vox.z - 1))
                            .abs()
                            .mean(at::IntArrayRef{0, 1});
  for (const double seam : SeamsVox(grids, grid)) {
    const auto z = static_cast<int64_t>(seam);
    EXPECT_LE(step_Z[z].item<double>(), step_Z.max().item<double>() + 1e-6);
    EXPECT_LE(step_Z[z].item<double>(), 1.5 * step_Z.mean().item<double>());
  }
}

TEST(MergeStations, MaskedStationDoesNotDarkenItsNeighbour) {
  const auto grids = StationGrids(2, {12, 12, 20}, {4, 4, 5}, 8);
  std::vector<MergeInput> inputs = Sampled(grids, [](const XyzDouble&) { return 300.0; });
  inputs[1].mask_XYZ.narrow(2, 0, 8).fill_(false);
  inputs[1].image.data().narrow(2, 0, 8).zero_();
  const Geometry grid = MergedGrid(grids, {2, 2, 2});
  const Merged merged = MergeStations(inputs, grid);
  EXPECT_TRUE(TensorNear(merged.image.data(), at::full_like(merged.image.data(), 300), 1e-2));
}

TEST(MergeStations, BackgroundIsZeroAndEdgesKeepTheirSignal) {
  const auto grids = StationGrids(1, {40, 40, 10}, {4, 4, 4}, 0);
  const auto signal = [](const XyzDouble& p) { return std::hypot(p.x, p.y) < 50 ? 200.0 : 9.0; };
  std::vector<MergeInput> inputs = Sampled(grids, signal);
  inputs[0].mask_XYZ = inputs[0].image.data() > 100;
  const Merged merged = MergeStations(inputs, MergedGrid(grids, {1, 1, 1}));
  const Tensor& image = merged.image.data();
  EXPECT_TRUE(TensorNear(image.masked_select(merged.body_XYZ),
                         at::full({merged.body_XYZ.sum().item<int64_t>()}, 200),
                         1e-3));
  EXPECT_EQ(image.masked_select(merged.body_XYZ.logical_not()).abs().max().item<double>(), 0);
}

TEST(MergeStations, OneInterpolationBlursNoMoreThanASingleLinearResample) {
  // A point on the far side of a rigid map, against one plain resample of the same point.
  const auto grids = StationGrids(1, {31, 31, 31}, {2, 2, 2}, 0, -30);
  Volume point = SamplePhantom(grids[0], [](const XyzDouble&) { return 0.0; });
  point.data()[15][15][15] = 1000;
  const Geometry fine = MergedGrid(grids, {1, 1, 1});
  RigidMap shifted;
  shifted.offset_mm = {0.5, 0.5, 0.5};
  const auto width = [&](const Tensor& image) {
    const Tensor z = at::arange(image.size(2), at::kDouble) * 1.0;
    const Tensor profile = image.to(at::kDouble).sum(at::IntArrayRef{0, 1});
    const Tensor mean = (profile * z).sum() / profile.sum();
    return std::sqrt(((profile * (z - mean).square()).sum() / profile.sum()).item<double>());
  };
  const Merged merged = MergeStations({{point, Everywhere(point)}}, fine, shifted);
  Geometry at_shift = fine;
  for (std::size_t a = 0; a < 3; ++a) at_shift.origin_mm[a] += 0.5;
  const Volume once = Resample(point, at_shift, Interpolation::kLinear);
  EXPECT_LE(width(merged.image.data()), 1.1 * width(once.data()));
  EXPECT_TRUE(TensorNear(merged.image.data(), once.data(), 1e-2));
}

TEST(MergedGrid, HoldsAllStationsWithTheAskedSpacing) {
  const auto grids = StationGrids(3, {30, 20, 25}, {3, 3, 6}, 5);
  const Geometry grid = MergedGrid(grids, {1, 1, 1});
  EXPECT_EQ(grid.size_vox, (XyzInt{90, 60, (25 * 3 - 2 * 5) * 6}));
  const XyzDouble first = grid.LpsFromVox({-0.5, -0.5, -0.5});
  const XyzDouble station = grids[0].LpsFromVox({-0.5, -0.5, -0.5});
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(first[a], station[a], 1e-9);
}

}  // namespace
}  // namespace sap::preprocess
