// SPDX-License-Identifier: Apache-2.0
#include "phantom/mimics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include <ATen/ATen.h>

#include "phantom/growth.h"
#include "phantom/tissue.h"

namespace sap::phantom {
namespace {

constexpr double kFractureHalfThicknessMm = 3.0;
constexpr double kFractureRadiusMm = 16.0;
constexpr XyzDouble kEndPlateAxesMm{16, 14, 5};
constexpr double kDiscReachMm = 7.0;

int64_t DrawVoxel(Rng& rng, const MarrowVoxels& marrow, std::initializer_list<int> regions) {
  std::size_t total = 0;
  for (const int r : regions) total += marrow[static_cast<std::size_t>(r)].size();
  if (total == 0) return -1;
  auto left = static_cast<std::size_t>(rng.UniformInt(0, static_cast<int64_t>(total)));
  for (const int r : regions) {
    const auto& voxels = marrow[static_cast<std::size_t>(r)];
    if (left < voxels.size()) return voxels[left];
    left -= voxels.size();
  }
  return -1;
}

// Free marrow voxels near `centre` for which `inside(offset_mm)` holds.
std::vector<int64_t> Collect(const Geometry& grid,
                             const Tensor& marrow_XYZ,
                             const Tensor& marks_XYZ,
                             int64_t centre,
                             double reach_mm,
                             const std::function<bool(const XyzDouble&)>& inside) {
  const XyzInt c = VoxelOf(grid, centre);
  XyzInt low, high;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto reach = static_cast<int64_t>(std::ceil(reach_mm / grid.spacing_mm[a]));
    low[a] = std::max<int64_t>(0, c[a] - reach);
    high[a] = std::min(grid.size_vox[a] - 1, c[a] + reach);
  }
  const auto marrow = marrow_XYZ.accessor<uint8_t, 3>();
  std::vector<int64_t> found;
  for (int64_t x = low.x; x <= high.x; ++x) {
    for (int64_t y = low.y; y <= high.y; ++y) {
      for (int64_t z = low.z; z <= high.z; ++z) {
        if (marrow[x][y][z] != marrow[c.x][c.y][c.z]) continue;
        const XyzDouble d{static_cast<double>(x - c.x) * grid.spacing_mm.x,
                          static_cast<double>(y - c.y) * grid.spacing_mm.y,
                          static_cast<double>(z - c.z) * grid.spacing_mm.z};
        if (!inside(d) || TouchesMark(marks_XYZ, {x, y, z})) continue;
        found.push_back((x * grid.size_vox.y + y) * grid.size_vox.z + z);
      }
    }
  }
  return found;
}

// Whether a disc lies within reach above or below.
bool NextToDisc(const Body& body, int64_t flat) {
  const Geometry& grid = body.tissue.geometry();
  const XyzInt v = VoxelOf(grid, flat);
  const auto tissue = body.tissue.data().accessor<uint8_t, 3>();
  const auto reach = static_cast<int64_t>(std::ceil(kDiscReachMm / grid.spacing_mm.z));
  for (int64_t z = std::max<int64_t>(0, v.z - reach);
       z <= std::min(grid.size_vox.z - 1, v.z + reach);
       ++z) {
    if (tissue[v.x][v.y][z] == kDisc) return true;
  }
  return false;
}

struct Site {
  const Body& body;
  const Tensor& marrow_XYZ;
  const MarrowVoxels& marrow;
};

void PlaceFracture(const Site& at, Rng& rng, Findings& findings) {
  const int64_t centre = DrawVoxel(rng, at.marrow, {2, 3, 5, 6});
  if (centre < 0) return;
  const double tilt = rng.Normal() * 0.15;
  const auto inside = [&](const XyzDouble& d) {
    return std::abs(d.z - tilt * d.x) <= kFractureHalfThicknessMm &&
           std::hypot(d.x, d.y) <= kFractureRadiusMm;
  };
  Finding finding{.kind = FindingKind::kHealedFracture};
  finding.region = at.marrow_XYZ.data_ptr<uint8_t>()[centre];
  finding.t1 = rng.Uniform(0.16, 0.28);
  finding.b1000 = rng.Uniform(0.04, 0.10);
  AddFinding(at.body.tissue.geometry(),
             Collect(at.body.tissue.geometry(),
                     at.marrow_XYZ,
                     findings.marks_XYZ,
                     centre,
                     kFractureRadiusMm,
                     inside),
             finding,
             findings);
}

void PlaceHaemangioma(const Site& at, Rng& rng, Findings& findings) {
  const Geometry& grid = at.body.tissue.geometry();
  const int64_t centre = DrawVoxel(rng, at.marrow, {2, 3});
  if (centre < 0) return;
  const double volume_ml = rng.Uniform(0.3, 1.6);
  const IrregularShape shape(
      rng, PointOf(grid, centre), std::cbrt(3000 * volume_ml / (4 * std::numbers::pi)));
  Finding finding{.kind = FindingKind::kHaemangioma, .target_ml = volume_ml};
  finding.region = at.marrow_XYZ.data_ptr<uint8_t>()[centre];
  finding.t1 = rng.Uniform(0.80, 0.95);
  finding.b1000 = rng.Uniform(0.22, 0.30);
  AddFinding(grid,
             Grow(shape,
                  at.marrow_XYZ,
                  findings.marks_XYZ,
                  grid,
                  centre,
                  std::max<int64_t>(3, std::llround(volume_ml / grid.VoxelMl()))),
             finding,
             findings);
}

void PlaceEndPlate(const Site& at, Rng& rng, Findings& findings) {
  int64_t centre = -1;
  for (int attempt = 0; attempt < 40 && centre < 0; ++attempt) {
    const int64_t candidate = DrawVoxel(rng, at.marrow, {3});
    if (candidate >= 0 && NextToDisc(at.body, candidate)) centre = candidate;
  }
  if (centre < 0) return;
  const auto inside = [](const XyzDouble& d) {
    const double x = d.x / kEndPlateAxesMm.x, y = d.y / kEndPlateAxesMm.y;
    return x * x + y * y <= 1 && std::abs(d.z) <= kEndPlateAxesMm.z;
  };
  Finding finding{.kind = FindingKind::kEndPlate};
  finding.region = at.marrow_XYZ.data_ptr<uint8_t>()[centre];
  finding.t1 = rng.Uniform(0.36, 0.46);
  finding.b1000 = rng.Uniform(0.18, 0.26);
  AddFinding(at.body.tissue.geometry(),
             Collect(at.body.tissue.geometry(),
                     at.marrow_XYZ,
                     findings.marks_XYZ,
                     centre,
                     kEndPlateAxesMm.x,
                     inside),
             finding,
             findings);
}

}  // namespace

MarrowVoxels ListMarrow(const Tensor& marrow_XYZ) {
  MarrowVoxels voxels;
  const uint8_t* region = marrow_XYZ.data_ptr<uint8_t>();
  for (int64_t i = 0; i < marrow_XYZ.numel(); ++i) {
    if (region[i] != 0) voxels[region[i]].push_back(i);
  }
  return voxels;
}

void AddFinding(const Geometry& grid,
                const std::vector<int64_t>& voxels,
                Finding finding,
                Findings& findings) {
  if (voxels.empty()) return;
  finding.num_vox = static_cast<int64_t>(voxels.size());
  finding.volume_ml = static_cast<double>(finding.num_vox) * grid.VoxelMl();
  finding.box = {grid.size_vox, {0, 0, 0}};
  const auto mark = static_cast<int16_t>(findings.list.size() + 1);
  for (const int64_t flat : voxels) {
    findings.marks_XYZ.data_ptr<int16_t>()[flat] = mark;
    const XyzInt v = VoxelOf(grid, flat);
    for (std::size_t a = 0; a < 3; ++a) {
      finding.box.begin_vox[a] = std::min(finding.box.begin_vox[a], v[a]);
      finding.box.end_vox[a] = std::max(finding.box.end_vox[a], v[a] + 1);
    }
  }
  findings.list.push_back(finding);
}

void PlaceMimics(const Body& body,
                 const Tensor& marrow_XYZ,
                 const MarrowVoxels& marrow,
                 Rng& rng,
                 Findings& findings) {
  const Site site{body, marrow_XYZ, marrow};
  const int64_t num_fractures = rng.UniformInt(0, 3);
  const int64_t num_haemangiomas = rng.UniformInt(0, 4);
  const int64_t num_end_plates = rng.UniformInt(0, 4);
  for (int64_t i = 0; i < num_fractures; ++i) PlaceFracture(site, rng, findings);
  for (int64_t i = 0; i < num_haemangiomas; ++i) PlaceHaemangioma(site, rng, findings);
  for (int64_t i = 0; i < num_end_plates; ++i) PlaceEndPlate(site, rng, findings);
}

}  // namespace sap::phantom
