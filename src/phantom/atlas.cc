// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/atlas.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "phantom/tissue.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/image/distance.h"
#include "sap/image/orient.h"
#include "sap/image/volume_io.h"

namespace sap::phantom {
namespace {

constexpr double kBelowMidThighMm = 60;  // room for taller subjects and curved spines
constexpr double kAroundBodyMm = 62;     // room for fat outside the atlas's skin
constexpr double kCordFluidMm = 6;
constexpr double kBrainFluidMm = 12;
constexpr double kGreyMatterMm = 4.5;

Volume ReadLps(const std::filesystem::path& file) {
  Volume volume = Reorient(ReadLabels(file), "LPS");
  return volume.WithData(volume.data().to(at::kByte).contiguous());
}

// The part of a volume between two heights.
Volume CropZ(const Volume& volume, double low_mm, double high_mm) {
  const Geometry& grid = volume.geometry();
  Box box{{0, 0, 0}, grid.size_vox};
  const auto index = [&](double z_mm) { return (z_mm - grid.origin_mm.z) / grid.spacing_mm.z; };
  box.begin_vox.z = std::clamp<int64_t>(std::llround(index(low_mm)), 0, grid.size_vox.z - 1);
  box.end_vox.z =
      std::clamp<int64_t>(std::llround(index(high_mm)) + 1, box.begin_vox.z + 1, grid.size_vox.z);
  const Tensor part = volume.data().narrow(2, box.begin_vox.z, box.SizeVox().z).contiguous();
  return {part, grid.Cropped(box)};
}

struct Bounds {
  XyzInt low{INT64_MAX, INT64_MAX, INT64_MAX};
  XyzInt high{-1, -1, -1};
  int region = 0;
};

// Voxel bounds of each label of labels_XYZ.
std::vector<Bounds> LabelBounds(const Tensor& labels_XYZ) {
  std::vector<Bounds> bounds(256);
  const uint8_t* label = labels_XYZ.data_ptr<uint8_t>();
  for (int64_t x = 0; x < labels_XYZ.size(0); ++x) {
    for (int64_t y = 0; y < labels_XYZ.size(1); ++y) {
      for (int64_t z = 0; z < labels_XYZ.size(2); ++z, ++label) {
        Bounds& b = bounds[*label];
        b.low = {std::min(b.low.x, x), std::min(b.low.y, y), std::min(b.low.z, z)};
        b.high = {std::max(b.high.x, x), std::max(b.high.y, y), std::max(b.high.z, z)};
      }
    }
  }
  return bounds;
}

XyzDouble PointAt(const Geometry& grid, const XyzInt& v) {
  return grid.LpsFromVox(
      {static_cast<double>(v.x), static_cast<double>(v.y), static_cast<double>(v.z)});
}

std::vector<AtlasBone> FindBones(const Volume& bones, const Volume& regions) {
  const std::vector<Bounds> bounds = LabelBounds(bones.data());
  std::vector<int> region_of(256, 0);
  const uint8_t* bone = bones.data().data_ptr<uint8_t>();
  const uint8_t* region = regions.data().data_ptr<uint8_t>();
  for (int64_t i = 0; i < bones.data().numel(); ++i) {
    if (region[i] != 0) region_of[bone[i]] = region[i];
  }
  std::vector<AtlasBone> found;
  for (int label = 1; label < 256; ++label) {
    const Bounds& b = bounds[static_cast<std::size_t>(label)];
    if (b.high.x < 0) continue;
    const XyzDouble low = PointAt(bones.geometry(), b.low);
    const XyzDouble high = PointAt(bones.geometry(), b.high);
    found.push_back({label,
                     region_of[static_cast<std::size_t>(label)],
                     {(low.x + high.x) / 2, (low.y + high.y) / 2, (low.z + high.z) / 2},
                     {(high.x - low.x) / 2, (high.y - low.y) / 2, (high.z - low.z) / 2}});
  }
  return found;
}

// Fluid around brain and cord, white matter, marrow of other bone, distances outside the skin:
// what the tissue labels leave out. Returns classes on the tissue grid.
Tensor RefineTissue(const Volume& tissue, double skull_base_z_mm) {
  const Geometry& grid = tissue.geometry();
  const Tensor& label = tissue.data();
  const Tensor nerve_mm = DistanceToMask(label == kGreyMatter, grid.spacing_mm);
  const Tensor nerve_depth_mm = DistanceToMask(label != kGreyMatter, grid.spacing_mm);
  const Tensor bone_depth_mm = DistanceToMask(label != kOtherBone, grid.spacing_mm);
  const Tensor skin_mm = DistanceToMask(label != kAir, grid.spacing_mm);
  Tensor out = label.clone();
  const int64_t size_z = grid.size_vox.z;
  ParallelFor(grid.size_vox.x * grid.size_vox.y, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * size_z; i < end * size_z; ++i) {
      uint8_t& value = out.data_ptr<uint8_t>()[i];
      const double z_mm = grid.origin_mm.z + static_cast<double>(i % size_z) * grid.spacing_mm.z;
      const bool head = z_mm > skull_base_z_mm;
      if (value == kAir) {
        const double d = std::round(skin_mm.data_ptr<float>()[i]);
        value = static_cast<uint8_t>(std::min<double>(kFarOutside, kOutside + d));
      } else if (value == kConnective) {
        const double limit_mm = head ? kBrainFluidMm : kCordFluidMm;
        if (nerve_mm.data_ptr<float>()[i] <= limit_mm) value = kFluid;
      } else if (value == kGreyMatter) {
        const bool deep = nerve_depth_mm.data_ptr<float>()[i] > kGreyMatterMm;
        value = !head ? kCord : deep ? kWhiteMatter : kGreyMatter;
      } else if (value == kOtherBone) {
        const bool surface = bone_depth_mm.data_ptr<float>()[i] < 1.1 * grid.spacing_mm.z;
        if (surface) value = kCortex + kOtherBone;
      }
    }
  });
  return out;
}

// Class with the largest trilinear weight among the eight neighbours, so that the finer grid does
// not show the coarser one's stairs. The nine regions come from their own volume: no vote here.
class Vote {
 public:
  void Add(uint8_t tissue, float weight) {
    if (tissue >= 1 && tissue <= kNumRegions) return;
    if (tissue >= kOutside) {
      air_ += weight;
      distance_ += weight * static_cast<float>(tissue - kOutside);
      return;
    }
    body_ += weight;
    for (int i = 0; i < count_; ++i) {
      if (tissue_[i] == tissue) {
        weight_[i] += weight;
        return;
      }
    }
    tissue_[count_] = tissue;
    weight_[count_++] = weight;
  }
  uint8_t Winner() const {
    if (air_ > body_) return static_cast<uint8_t>(std::lround(kOutside + distance_ / air_));
    if (count_ == 0) return kConnective;
    return tissue_[std::max_element(weight_, weight_ + count_) - weight_];
  }

 private:
  float air_ = 0, distance_ = 0, body_ = 0;
  uint8_t tissue_[8] = {};
  float weight_[8] = {};
  int count_ = 0;
};

struct Corner {
  int64_t low = 0, high = 0;
  float frac = 0;  // weight of `high`
};

// Neighbours of output index i along one axis of the source grid.
std::vector<Corner> Corners(const Geometry& out, const Geometry& in, std::size_t axis) {
  std::vector<Corner> corners(static_cast<std::size_t>(out.size_vox[axis]));
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const double mm = out.origin_mm[axis] + static_cast<double>(i) * out.spacing_mm[axis];
    const double at = std::clamp((mm - in.origin_mm[axis]) / in.spacing_mm[axis],
                                 0.0,
                                 static_cast<double>(in.size_vox[axis] - 1));
    const auto low = static_cast<int64_t>(at);
    corners[i] = {low,
                  std::min(low + 1, in.size_vox[axis] - 1),
                  static_cast<float>(at - static_cast<double>(low))};
  }
  return corners;
}

Tensor UpsampleClasses(const Tensor& classes_XYZ, const Geometry& in, const Geometry& out) {
  const auto xs = Corners(out, in, 0), ys = Corners(out, in, 1), zs = Corners(out, in, 2);
  Tensor result = at::empty({out.size_vox.x, out.size_vox.y, out.size_vox.z}, at::kByte);
  const uint8_t* source = classes_XYZ.data_ptr<uint8_t>();
  uint8_t* target = result.data_ptr<uint8_t>();
  const int64_t stride_y = in.size_vox.z, stride_x = in.size_vox.y * in.size_vox.z;
  ParallelFor(out.size_vox.x, 4, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      uint8_t* row = target + x * out.size_vox.y * out.size_vox.z;
      const Corner& cx = xs[static_cast<std::size_t>(x)];
      for (const Corner& cy : ys) {
        const uint8_t* lines[4] = {source + cx.low * stride_x + cy.low * stride_y,
                                   source + cx.low * stride_x + cy.high * stride_y,
                                   source + cx.high * stride_x + cy.low * stride_y,
                                   source + cx.high * stride_x + cy.high * stride_y};
        const float weights[4] = {(1 - cx.frac) * (1 - cy.frac),
                                  (1 - cx.frac) * cy.frac,
                                  cx.frac * (1 - cy.frac),
                                  cx.frac * cy.frac};
        for (const Corner& cz : zs) {
          Vote vote;
          for (int k = 0; k < 4; ++k) {
            vote.Add(lines[k][cz.low], weights[k] * (1 - cz.frac));
            vote.Add(lines[k][cz.high], weights[k] * cz.frac);
          }
          *row++ = vote.Winner();
        }
      }
    }
  });
  return result;
}

// Shaft cortex is several millimetres thick; elsewhere one voxel is nearest to the truth.
double CortexMm(int region, double z_mm, const AtlasBone* femur) {
  if (region != 5 || femur == nullptr) return 2.9;
  const double from_top_mm = femur->centre_mm.z + femur->half_extent_mm.z - z_mm;
  return from_top_mm > 110 ? 5.7 : 2.9;
}

// Writes marrow and cortex of the nine regions over the classes. The grids share their voxels.
void AddBones(Tensor& classes_XYZ,
              const Geometry& out,
              const Volume& regions,
              const AtlasBone* femur) {
  const Geometry& in = regions.geometry();
  const Tensor depth_mm = DistanceToMask(regions.data() == 0, in.spacing_mm);
  XyzInt shift;
  for (std::size_t a = 0; a < 3; ++a) {
    shift[a] = std::llround((in.origin_mm[a] - out.origin_mm[a]) / out.spacing_mm[a]);
  }
  auto target = classes_XYZ.accessor<uint8_t, 3>();
  const auto region = regions.data().accessor<uint8_t, 3>();
  const auto depth = depth_mm.accessor<float, 3>();
  ParallelFor(in.size_vox.x, 4, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      for (int64_t y = 0; y < in.size_vox.y; ++y) {
        for (int64_t z = 0; z < in.size_vox.z; ++z) {
          const int value = region[x][y][z];
          const XyzInt at{x + shift.x, y + shift.y, z + shift.z};
          if (value == 0 || !Box{{0, 0, 0}, out.size_vox}.Contains(at)) continue;
          const double z_mm = in.origin_mm.z + static_cast<double>(z) * in.spacing_mm.z;
          const bool cortex = depth[x][y][z] < CortexMm(value, z_mm, femur);
          target[at.x][at.y][at.z] = static_cast<uint8_t>(cortex ? kCortex + value : value);
        }
      }
    }
  });
}

// Grid with the regions' voxels around the whole body.
Geometry ClassGrid(const Geometry& regions, const XyzDouble& low_mm, const XyzDouble& high_mm) {
  Geometry grid = regions;
  for (std::size_t a = 0; a < 3; ++a) {
    const double step = grid.spacing_mm[a];
    const double first = std::floor((low_mm[a] - grid.origin_mm[a]) / step);
    const double last = std::ceil((high_mm[a] - grid.origin_mm[a]) / step);
    grid.origin_mm[a] += first * step;
    grid.size_vox[a] = static_cast<int64_t>(last - first) + 1;
  }
  return grid;
}

// Pads a tissue volume with air, so that distances outside the skin reach far enough.
Volume PadAir(const Volume& volume, double margin_mm) {
  Geometry grid = volume.geometry();
  const auto pad = static_cast<int64_t>(std::ceil(margin_mm / grid.spacing_mm.x));
  const Tensor padded = at::constant_pad_nd(volume.data(), {0, pad, pad, pad, pad, pad}, kAir);
  grid.size_vox = {padded.size(0), padded.size(1), padded.size(2)};
  grid.origin_mm.x -= static_cast<double>(pad) * grid.spacing_mm.x;
  grid.origin_mm.y -= static_cast<double>(pad) * grid.spacing_mm.y;
  return {padded.contiguous(), grid};
}

}  // namespace

Atlas LoadAtlas(const std::filesystem::path& folder) {
  const Volume regions = ReadLps(folder / "bp3d_regions_2mm.nii.gz");
  const Volume bones = ReadLps(folder / "bp3d_bones_2mm.nii.gz");
  const Volume tissue = ReadLps(folder / "bp3d_tissue_3mm.nii.gz");
  SAP_REQUIRE(ErrorKind::kInput,
              bones.SameGridAs(regions),
              "atlas: bp3d_bones_2mm and bp3d_regions_2mm differ ({}); they must share one grid",
              bones.geometry().DifferenceFrom(regions.geometry()));
  Atlas atlas;
  atlas.bones = FindBones(bones, regions);
  const std::vector<Bounds> region_bounds = LabelBounds(regions.data());
  for (int region = 1; region <= kNumRegions; ++region) {
    SAP_REQUIRE(ErrorKind::kInput,
                region_bounds[static_cast<std::size_t>(region)].high.x >= 0,
                "atlas: bp3d_regions_2mm has no voxel of region {}; all of 1 to 9 are needed",
                region);
  }
  const auto centre = [&](std::size_t region) {
    const XyzDouble low = PointAt(regions.geometry(), region_bounds[region].low);
    const XyzDouble high = PointAt(regions.geometry(), region_bounds[region].high);
    return XyzDouble{(low.x + high.x) / 2, (low.y + high.y) / 2, (low.z + high.z) / 2};
  };
  atlas.pelvis_centre_mm = centre(4);
  atlas.mid_thigh_z_mm = centre(5).z;
  const double low_z_mm = atlas.mid_thigh_z_mm - kBelowMidThighMm;

  const Volume upper = PadAir(CropZ(tissue, low_z_mm, 1e9), kAroundBodyMm);
  const Tensor thigh_up = upper.data() != kAir;
  const Bounds body = LabelBounds(thigh_up.to(at::kByte))[1];
  SAP_REQUIRE(ErrorKind::kInput, body.high.x >= 0, "atlas: bp3d_tissue_3mm has no body");
  atlas.body_min_mm = PointAt(upper.geometry(), body.low);
  atlas.body_max_mm = PointAt(upper.geometry(), body.high);
  atlas.head_top_z_mm = atlas.body_max_mm.z;

  const double skull_base_z_mm = PointAt(regions.geometry(), region_bounds[1].high).z;  // top of C1
  const Tensor refined = RefineTissue(upper, skull_base_z_mm);
  const double margin = kAroundBodyMm - 4;
  const Geometry grid = ClassGrid(
      regions.geometry(),
      {atlas.body_min_mm.x - margin, atlas.body_min_mm.y - margin, low_z_mm},
      {atlas.body_max_mm.x + margin, atlas.body_max_mm.y + margin, atlas.head_top_z_mm + 4});
  Tensor classes = UpsampleClasses(refined, upper.geometry(), grid);
  const auto femur = std::find_if(
      atlas.bones.begin(), atlas.bones.end(), [](const AtlasBone& b) { return b.region == 5; });
  AddBones(
      classes, grid, CropZ(regions, low_z_mm, 1e9), femur == atlas.bones.end() ? nullptr : &*femur);
  atlas.classes = Volume(classes, grid);
  return atlas;
}

}  // namespace sap::phantom
