// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

// What the pretraining network sees of a crop: two views, each turned and partly cut out
// (swin_unetr §4.2). Shapes: n crops, B = 2n views, C channels, X Y Z space.
namespace sap::ssl {

inline constexpr int64_t kNumRotations = 4;    // quarter turns 0 .. 3
inline constexpr double kMinBlockFrac = 0.05;  // of a crop's edge: the smallest block's edge
inline constexpr int64_t kMinEdgeVox = 20;     // below it such a block has no voxel

struct ViewOptions {
  double max_cut_frac = 0.3;
  double max_block_frac = 0.25;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("max_cut_frac", max_cut_frac)
        .Help(
            "cutting a view ends at a share of its voxels drawn evenly up to this; done twice: "
            "blocks of noise, then blocks of another crop. Before, each view is turned by 0 to 3 "
            "quarters in the plane of array axes Y and Z (of [C, X, Y, Z]), about X")
        .Range(0.0, 0.9);
    v.Field("max_block_frac", max_block_frac)
        .Help("a cut block's edge lies below this share of the crop's, and from 0.05 on")
        .Range(0.1, 1.0);
  }
};

// A crop [C, X, Y, Z] turned by 90 degrees `num_quarter_turns` times in the plane of its last two
// axes, as rot90 of NumPy turns axes (2, 3). float32, CPU, Y = Z.
Tensor Turned(const Tensor& crop_CXYZ, int64_t num_quarter_turns);

struct NoiseBlock {
  Box box;
  std::vector<float> raw_CXYZ;  // one value per channel and voxel of the box
};

// What is cut from one crop: first noise, then voxels of another crop.
struct CropCuts {
  std::vector<NoiseBlock> noise;
  int64_t partner_idx = 0;  // in the batch; the crop itself: nothing is swapped
  std::vector<Box> swapped;
};

// Cuts in place, crop by crop: noise is scaled to [0, 1] over its block, channels included (a
// constant block becomes 0), and swapped blocks come from the partner as it stands then, so
// already cut if it comes earlier in the batch. crops_BCXYZ: float32, CPU, contiguous.
void CutOut(const Tensor& crops_BCXYZ, const std::vector<CropCuts>& cuts);

// Where that cut: bool [B, X, Y, Z].
Tensor CutMask(const std::vector<CropCuts>& cuts, const XyzInt& crop_size_vox);

// What the views of a batch follow from. The draws of a crop depend on its own sample id, never
// on its place in the batch.
struct ViewKey {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  std::vector<uint64_t> sample_ids;  // one per crop
};

// Cuts of view `view_idx` (0 or 1) of every crop of a batch. Blocks begin evenly over the crop,
// are clipped at its border and counted without removing overlaps (§4.2).
std::vector<CropCuts> DrawCuts(const XyzInt& crop_size_vox,
                               int64_t num_channels,
                               const ViewOptions& options,
                               const ViewKey& key,
                               uint32_t view_idx);

// Rows 0 .. n-1: the first view of each crop; rows n .. 2n-1: the second.
struct Views {
  Tensor input_BCXYZ;   // turned and cut: what the network sees
  Tensor target_BCXYZ;  // turned only: what it shall rebuild
  Tensor rotation_B;    // int64, quarter turns 0 .. 3
  Tensor mask_BXYZ;     // bool, where input was cut
};

// Throws kOption for crops on which views cannot be made: an edge below 20 voxels, Y unlike Z.
void CheckCropSize(const XyzInt& crop_size_vox);

// Two views of each crop, made of the parts above; a pure function of its arguments. crops [n, C,
// X, Y, Z], float32, CPU. Throws what CheckCropSize throws.
Views MakeViews(const Tensor& crops_BCXYZ, const ViewOptions& options, const ViewKey& key);

}  // namespace sap::ssl
