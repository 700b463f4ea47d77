// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/views.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"

namespace sap::ssl {
namespace {

// One key per draw, apart from those of data/augment.cc, whose stream they share.
enum Draw : uint32_t { kTurn = 16, kNoiseBlocks, kNoiseValues, kPartner, kSwapBlocks };
constexpr uint32_t kDrawsPerView = 8;

Rng DrawRng(const ViewKey& key, std::size_t crop, uint32_t view_idx, Draw draw) {
  return Rng({.seed = key.seed,
              .stream = Stream::kAugment,
              .epoch = key.epoch,
              .sample = key.sample_ids[crop],
              .transform = draw + kDrawsPerView * view_idx});
}

XyzInt CropSize(const Tensor& crops) {
  const int64_t x_axis = crops.dim() - 3;
  return {crops.size(x_axis), crops.size(x_axis + 1), crops.size(x_axis + 2)};
}

// Planes [n, n]: out[y][z] = in[first + y * step_y + z * step_z].
void TurnPlanes(
    const float* in, int64_t num_planes, int64_t n, int64_t num_quarter_turns, float* out) {
  struct Walk {
    int64_t first, step_y, step_z;
  };
  const Walk walks[] = {{0, n, 1}, {n - 1, -1, n}, {n * n - 1, -n, -1}, {n * (n - 1), 1, -n}};
  const Walk& walk = walks[num_quarter_turns];
  for (int64_t plane = 0; plane < num_planes; ++plane, in += n * n) {
    for (int64_t y = 0; y < n; ++y) {
      const float* from = in + walk.first + y * walk.step_y;
      for (int64_t z = 0; z < n; ++z) *out++ = from[z * walk.step_z];
    }
  }
}

// Calls action(offset, length) for each run along z of a box in [channels, X, Y, Z], C order.
template <typename Action>
void ForEachRun(const Box& box, int64_t num_channels, const XyzInt& size, const Action& action) {
  const XyzInt& begin = box.begin_vox;
  const int64_t length = box.end_vox.z - begin.z;
  for (int64_t c = 0; c < num_channels; ++c) {
    for (int64_t x = begin.x; x < box.end_vox.x; ++x) {
      for (int64_t y = begin.y; y < box.end_vox.y; ++y) {
        action(((c * size.x + x) * size.y + y) * size.z + begin.z, length);
      }
    }
  }
}

// Targets and rotations of all views.
Views TurnAll(const Tensor& crops_BCXYZ, const ViewKey& key) {
  const XyzInt size = CropSize(crops_BCXYZ);
  const int64_t n = crops_BCXYZ.size(0);
  const int64_t num_planes = crops_BCXYZ.size(1) * size.x;
  const int64_t stride = num_planes * size.y * size.z;
  Views views;
  views.target_BCXYZ = at::empty({2 * n, crops_BCXYZ.size(1), size.x, size.y, size.z}, at::kFloat);
  views.rotation_B = at::empty({2 * n}, at::kLong);
  const float* crops = crops_BCXYZ.const_data_ptr<float>();
  auto* target = views.target_BCXYZ.mutable_data_ptr<float>();
  auto* rotation = views.rotation_B.mutable_data_ptr<int64_t>();
  ParallelFor(2 * n, /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % n;
      const auto view_idx = static_cast<uint32_t>(row / n);
      Rng rng = DrawRng(key, static_cast<std::size_t>(i), view_idx, kTurn);
      rotation[row] = rng.UniformInt(0, kNumRotations);
      TurnPlanes(crops + i * stride, num_planes, size.y, rotation[row], target + row * stride);
    }
  });
  return views;
}

std::vector<Box> DrawBlocks(const XyzInt& crop_size_vox, const ViewOptions& options, Rng& rng) {
  const double wanted_vox =
      rng.Uniform(0, options.max_cut_frac) * static_cast<double>(crop_size_vox.Product());
  const auto share = [](int64_t edge_vox, double frac) {
    return static_cast<int64_t>(std::floor(static_cast<double>(edge_vox) * frac));
  };
  std::vector<Box> blocks;
  for (double cut_vox = 0; cut_vox < wanted_vox;) {
    Box block;
    for (std::size_t a = 0; a < 3; ++a) {
      const int64_t edge = crop_size_vox[a];
      const int64_t smallest = share(edge, kMinBlockFrac);
      block.begin_vox[a] = rng.UniformInt(0, edge - smallest);
      const int64_t size = rng.UniformInt(smallest, share(edge, options.max_block_frac));
      block.end_vox[a] = std::min(edge, block.begin_vox[a] + size);
    }
    cut_vox += static_cast<double>(block.SizeVox().Product());
    blocks.push_back(block);
  }
  return blocks;
}

// Box-Muller in single precision, both values of each pair: noise is the greatest cost of a view.
void FillNormal(std::vector<float>& values, Rng& rng) {
  constexpr float kUnit = 0x1.0p-32F;
  constexpr float kTurn = 2 * std::numbers::pi_v<float>;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const float in_0_to_1 = (static_cast<float>(rng.Bits()) + 1) * kUnit;  // 0 excluded
    const float radius = std::sqrt(-2 * std::log(in_0_to_1));
    const float angle = kTurn * kUnit * static_cast<float>(rng.Bits());
    values[i] = radius * std::cos(angle);
    if (i + 1 < values.size()) values[i + 1] = radius * std::sin(angle);
  }
}

void PasteNoise(const NoiseBlock& block, int64_t num_channels, const XyzInt& size, float* crop) {
  const auto [low, high] = std::minmax_element(block.raw_CXYZ.begin(), block.raw_CXYZ.end());
  const float offset = *low;
  const float range = *high - *low;
  const float scale = range > 0 ? 1 / range : 0;
  const float* raw = block.raw_CXYZ.data();
  ForEachRun(block.box, num_channels, size, [&](int64_t offset_in_crop, int64_t length) {
    for (int64_t i = 0; i < length; ++i) crop[offset_in_crop + i] = (*raw++ - offset) * scale;
  });
}

// mask: [B, X, Y, Z], false where nothing is cut.
void MarkCuts(const std::vector<CropCuts>& cuts, const XyzInt& size, bool* mask) {
  for (std::size_t i = 0; i < cuts.size(); ++i, mask += size.Product()) {
    const auto mark = [&](const Box& box) {
      ForEachRun(box, /*num_channels=*/1, size, [&](int64_t offset, int64_t length) {
        std::fill_n(mask + offset, length, true);
      });
    };
    for (const NoiseBlock& block : cuts[i].noise) mark(block.box);
    if (cuts[i].partner_idx == static_cast<int64_t>(i)) continue;
    for (const Box& box : cuts[i].swapped) mark(box);
  }
}

}  // namespace

void CheckCropSize(const XyzInt& crop_size_vox) {
  for (std::size_t a = 0; a < 3; ++a) {
    SAP_REQUIRE(ErrorKind::kOption,
                crop_size_vox[a] >= kMinEdgeVox,
                "roi_size {} has {} voxels on axis {}; views of pretraining cut blocks of a "
                "twentieth of an edge, so an edge must have {} voxels or more: raise roi_size",
                crop_size_vox,
                crop_size_vox[a],
                "XYZ"[a],
                kMinEdgeVox);
  }
  SAP_REQUIRE(ErrorKind::kOption,
              crop_size_vox.y == crop_size_vox.z,
              "roi_size {} has {} voxels on axis Y and {} on axis Z; views of pretraining are "
              "turned by quarters in the Y-Z plane, so both must be equal: change one of them",
              crop_size_vox,
              crop_size_vox.y,
              crop_size_vox.z);
}

Tensor Turned(const Tensor& crop_CXYZ, int64_t num_quarter_turns) {
  const XyzInt size = CropSize(crop_CXYZ);
  SAP_CHECK(crop_CXYZ.scalar_type() == at::kFloat && size.y == size.z && num_quarter_turns >= 0 &&
                num_quarter_turns < kNumRotations,
            "{} turns of {}",
            num_quarter_turns,
            ShapeString(crop_CXYZ));
  const Tensor crop = crop_CXYZ.contiguous();
  Tensor turned = at::empty_like(crop);
  TurnPlanes(crop.const_data_ptr<float>(),
             crop.size(0) * size.x,
             size.y,
             num_quarter_turns,
             turned.mutable_data_ptr<float>());
  return turned;
}

void CutOut(const Tensor& crops_BCXYZ, const std::vector<CropCuts>& cuts) {
  SAP_CHECK(crops_BCXYZ.is_contiguous() && crops_BCXYZ.scalar_type() == at::kFloat &&
                crops_BCXYZ.size(0) == static_cast<int64_t>(cuts.size()),
            "{} cuts of {}",
            cuts.size(),
            ShapeString(crops_BCXYZ));
  const XyzInt size = CropSize(crops_BCXYZ);
  const int64_t num_channels = crops_BCXYZ.size(1);
  const int64_t stride = num_channels * size.Product();
  auto* crop = crops_BCXYZ.mutable_data_ptr<float>();
  const float* first = crop;
  for (std::size_t i = 0; i < cuts.size(); ++i, crop += stride) {
    for (const NoiseBlock& block : cuts[i].noise) PasteNoise(block, num_channels, size, crop);
    const float* partner = first + cuts[i].partner_idx * stride;
    if (partner == crop) continue;
    for (const Box& box : cuts[i].swapped) {
      ForEachRun(box, num_channels, size, [&](int64_t offset, int64_t length) {
        std::copy_n(partner + offset, length, crop + offset);
      });
    }
  }
}

Tensor CutMask(const std::vector<CropCuts>& cuts, const XyzInt& crop_size_vox) {
  const XyzInt& size = crop_size_vox;
  Tensor mask_BXYZ =
      at::zeros({static_cast<int64_t>(cuts.size()), size.x, size.y, size.z}, at::kBool);
  MarkCuts(cuts, size, mask_BXYZ.mutable_data_ptr<bool>());
  return mask_BXYZ;
}

std::vector<CropCuts> DrawCuts(const XyzInt& crop_size_vox,
                               int64_t num_channels,
                               const ViewOptions& options,
                               const ViewKey& key,
                               uint32_t view_idx) {
  const auto n = static_cast<int64_t>(key.sample_ids.size());
  std::vector<CropCuts> cuts(key.sample_ids.size());
  const auto draw_one = [&](std::size_t i) {
    Rng noise_blocks = DrawRng(key, i, view_idx, kNoiseBlocks);
    Rng noise_values = DrawRng(key, i, view_idx, kNoiseValues);
    for (const Box& box : DrawBlocks(crop_size_vox, options, noise_blocks)) {
      std::vector<float> raw(static_cast<std::size_t>(num_channels * box.SizeVox().Product()));
      FillNormal(raw, noise_values);
      cuts[i].noise.push_back({box, std::move(raw)});
    }
    // Evenly any crop, itself included, as a distance: so it does not depend on the place.
    const int64_t distance = DrawRng(key, i, view_idx, kPartner).UniformInt(0, n);
    cuts[i].partner_idx = (static_cast<int64_t>(i) + distance) % n;
    Rng swap_blocks = DrawRng(key, i, view_idx, kSwapBlocks);
    cuts[i].swapped = DrawBlocks(crop_size_vox, options, swap_blocks);
  };
  ParallelFor(n, /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) draw_one(static_cast<std::size_t>(i));
  });
  return cuts;
}

Views MakeViews(const Tensor& crops_BCXYZ, const ViewOptions& options, const ViewKey& key) {
  SAP_CHECK(crops_BCXYZ.dim() == 5 && crops_BCXYZ.scalar_type() == at::kFloat &&
                crops_BCXYZ.size(0) == static_cast<int64_t>(key.sample_ids.size()),
            "{} for {} sample ids",
            ShapeString(crops_BCXYZ),
            key.sample_ids.size());
  const XyzInt size = CropSize(crops_BCXYZ);
  CheckCropSize(size);
  const int64_t n = crops_BCXYZ.size(0);
  const int64_t num_channels = crops_BCXYZ.size(1);
  Views views = TurnAll(crops_BCXYZ.contiguous(), key);
  views.input_BCXYZ = views.target_BCXYZ.clone();
  views.mask_BXYZ = at::zeros({2 * n, size.x, size.y, size.z}, at::kBool);
  const std::vector<Tensor> inputs = views.input_BCXYZ.chunk(2);
  auto* mask = views.mask_BXYZ.mutable_data_ptr<bool>();
  ParallelFor(2, /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t view_idx = begin; view_idx < end; ++view_idx) {
      const auto cuts = DrawCuts(size, num_channels, options, key, static_cast<uint32_t>(view_idx));
      CutOut(inputs[static_cast<std::size_t>(view_idx)], cuts);
      MarkCuts(cuts, size, mask + view_idx * n * size.Product());
    }
  });
  return views;
}

}  // namespace sap::ssl
