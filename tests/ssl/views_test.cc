// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/views.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "ssl_golden.h"
#include "support/fill.h"
#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::ssl {
namespace {

using testing::FillTensor;
using ::testing::HasSubstr;

TEST(Turned, IsRot90OfTheLastTwoAxes) {
  const Tensor crop = FillTensor(1500, {2, 6, 7, 7});
  for (int64_t k = 0; k < kNumRotations; ++k) {
    EXPECT_TRUE(Turned(crop, k).equal(at::rot90(crop, k, {2, 3}))) << k;
  }
}

TEST(Turned, MatchesTheReference) {
  SAP_REQUIRE_SHARED(tensors, "golden/ssl_heads.safetensors");
  const Tensor crop = FillTensor(1500, {2, 6, 7, 7});
  for (int64_t k = 0; k < kNumRotations; ++k) {
    const Tensor expected = testing::GoldenTensor(tensors, "rotate_k" + std::to_string(k));
    EXPECT_TRUE(Turned(crop, k).equal(expected)) << k;
  }
}

Box BoxOf(const nlohmann::json& entry) {
  Box box;
  for (std::size_t a = 0; a < 3; ++a) {
    box.begin_vox[a] = entry.at("start")[a];
    box.end_vox[a] = entry.at("end")[a];
  }
  return box;
}

CropCuts CutsOf(const nlohmann::json& entry) {
  CropCuts cuts;
  for (const auto& block : entry.at("noise").at("boxes")) {
    const Box box = BoxOf(block);
    const Tensor raw = FillTensor(block.at("raw_noise_fill_k"), {2 * box.SizeVox().Product()});
    const float* values = raw.const_data_ptr<float>();
    cuts.noise.push_back({box, {values, values + raw.numel()}});
  }
  cuts.partner_idx = entry.at("partner_j");
  for (const auto& block : entry.at("swap").at("boxes")) cuts.swapped.push_back(BoxOf(block));
  return cuts;
}

TEST(CutOut, MatchesTheReferenceBoxForBox) {
  SAP_REQUIRE_SSL_GOLDEN(golden, tensors);
  const auto& entries = golden.at("augment").at("crops");
  std::vector<Tensor> clean;
  std::vector<CropCuts> cuts;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    clean.push_back(FillTensor(1510 + i, {2, 24, 24, 24}));
    cuts.push_back(CutsOf(entries[i]));
  }
  const Tensor crops = at::stack(clean);
  CutOut(crops, cuts);
  const Tensor mask = CutMask(cuts, {24, 24, 24});
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto b = static_cast<int64_t>(i);
    const Tensor expected = testing::GoldenTensor(tensors, "aug_crop" + std::to_string(i));
    EXPECT_TRUE(testing::TensorNear(crops[b], expected, 1e-6)) << i;
    const Tensor kept = mask[b].logical_not().unsqueeze(0).expand_as(expected);
    EXPECT_TRUE(crops[b].masked_select(kept).equal(clean[i].masked_select(kept))) << i;
    EXPECT_EQ(mask[b].sum().item<int64_t>(), entries[i].at("changed_voxels").get<int64_t>());
  }
}

TEST(CutOut, AnEarlierPartnerIsAlreadyCutAndALaterOneStillClean) {
  const Box whole{{0, 0, 0}, {20, 20, 20}};
  const Tensor crops =
      at::arange(2).to(at::kFloat).view({2, 1, 1, 1, 1}) * at::ones({2, 1, 20, 20, 20});
  std::vector<CropCuts> cuts(2);
  cuts[0] = {.noise = {}, .partner_idx = 1, .swapped = {whole}};
  cuts[1] = {.noise = {}, .partner_idx = 0, .swapped = {whole}};
  CutOut(crops, cuts);
  EXPECT_TRUE(crops.eq(1).all().item<bool>());  // crop 0 took 1s; crop 1 takes them back
}

TEST(CutOut, NoiseIsScaledOverTheBlockAndAConstantBlockIsZero) {
  const Tensor crops = at::full({1, 2, 20, 20, 20}, 7.0F);
  std::vector<CropCuts> cuts(1);
  cuts[0].noise = {{{{0, 0, 0}, {1, 1, 2}}, {-1.0F, 0.0F, 2.0F, 3.0F}},
                   {{{5, 5, 5}, {6, 6, 6}}, {4.0F, 4.0F}}};
  CutOut(crops, cuts);
  const auto at_voxel = [&](int64_t c, int64_t x, int64_t y, int64_t z) {
    return crops[0][c][x][y][z].item<float>();
  };
  EXPECT_FLOAT_EQ(at_voxel(0, 0, 0, 0), 0.0F);
  EXPECT_FLOAT_EQ(at_voxel(0, 0, 0, 1), 0.25F);
  EXPECT_FLOAT_EQ(at_voxel(1, 0, 0, 0), 0.75F);
  EXPECT_FLOAT_EQ(at_voxel(1, 0, 0, 1), 1.0F);
  EXPECT_FLOAT_EQ(at_voxel(1, 5, 5, 5), 0.0F);
  EXPECT_FLOAT_EQ(at_voxel(0, 19, 19, 19), 7.0F);
}

std::vector<uint64_t> Ids(int64_t n) {
  std::vector<uint64_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<uint64_t>(100 + i));
  return ids;
}

// swin_unetr §4.2: about 64 blocks and 14.0 % of the voxels in each pass, 26 % at most. Over 1000
// passes the means have standard errors of 1.2 blocks and 0.26 %.
TEST(DrawCuts, CoversWhatTheReferenceCovers) {
  constexpr int64_t kNumCrops = 500;
  const XyzInt size = XyzInt::Same(96);
  const auto cuts = DrawCuts(
      size, /*num_channels=*/1, {}, {.seed = 3, .epoch = 0, .sample_ids = Ids(kNumCrops)}, 0);
  double num_blocks = 0;
  double covered = 0;
  double most = 0;
  for (const CropCuts& crop : cuts) {
    std::vector<Box> noise;
    for (const NoiseBlock& block : crop.noise) noise.push_back(block.box);
    for (const std::vector<Box>& pass : {noise, crop.swapped}) {
      CropCuts only;
      only.partner_idx = 1;
      only.swapped = pass;
      const double frac = CutMask({only}, size).to(at::kDouble).mean().item<double>();
      num_blocks += static_cast<double>(pass.size());
      covered += frac;
      most = std::max(most, frac);
    }
  }
  EXPECT_NEAR(num_blocks / (2 * kNumCrops), 64, 5);
  EXPECT_NEAR(covered / (2 * kNumCrops), 0.140, 0.01);
  EXPECT_NEAR(most, 0.26, 0.02);
}

TEST(DrawCuts, BlocksHaveTheEdgesOfTheReference) {
  const XyzInt size = {96, 64, 64};
  const auto cuts = DrawCuts(size, 1, {}, {.seed = 4, .epoch = 0, .sample_ids = Ids(40)}, 1);
  std::array<int64_t, 3> longest = {0, 0, 0};
  for (const CropCuts& crop : cuts) {
    for (const Box& box : crop.swapped) {
      for (std::size_t a = 0; a < 3; ++a) {
        const int64_t edge = box.SizeVox()[a];
        longest[a] = std::max(longest[a], edge);
        EXPECT_GE(box.begin_vox[a], 0);
        EXPECT_LE(box.end_vox[a], size[a]);
        const int64_t smallest = size[a] / 20;
        if (box.end_vox[a] < size[a]) {
          EXPECT_GE(edge, smallest);
        }
        EXPECT_LT(box.begin_vox[a], size[a] - smallest);
      }
    }
  }
  EXPECT_EQ(longest, (std::array<int64_t, 3>{23, 15, 15}));
}

TEST(DrawCuts, TwentyVoxelsLeaveNoBlockEmpty) {
  const auto cuts =
      DrawCuts(XyzInt::Same(20), 1, {}, {.seed = 5, .epoch = 0, .sample_ids = Ids(20)}, 0);
  for (const CropCuts& crop : cuts) {
    for (const NoiseBlock& block : crop.noise) EXPECT_GE(block.box.SizeVox().Product(), 1);
  }
}

TEST(DrawCuts, NoiseIsStandardNormal) {
  const auto cuts =
      DrawCuts(XyzInt::Same(32), 3, {}, {.seed = 6, .epoch = 0, .sample_ids = Ids(20)}, 0);
  std::vector<float> raw;
  for (const CropCuts& crop : cuts) {
    for (const NoiseBlock& block : crop.noise) {
      EXPECT_EQ(static_cast<int64_t>(block.raw_CXYZ.size()), 3 * block.box.SizeVox().Product());
      raw.insert(raw.end(), block.raw_CXYZ.begin(), block.raw_CXYZ.end());
    }
  }
  const Tensor values = at::tensor(raw).to(at::kDouble);
  const auto num = static_cast<double>(values.numel());
  ASSERT_GT(num, 2e5);  // four standard errors each
  EXPECT_NEAR(values.mean().item<double>(), 0, 4 / std::sqrt(num));
  EXPECT_NEAR(values.square().mean().item<double>(), 1, 4 * std::sqrt(2 / num));
  EXPECT_NEAR(values.pow(4).mean().item<double>(), 3, 4 * std::sqrt(96 / num));
  EXPECT_NEAR(values.abs().gt(1.959964).to(at::kDouble).mean().item<double>(),
              0.05,
              4 * 0.22 / std::sqrt(num));
  const Tensor products = values.slice(0, 0, -1) * values.slice(0, 1);
  EXPECT_NEAR(products.mean().item<double>(), 0, 4 / std::sqrt(num));
}

Tensor SomeCrops(int64_t n) {
  return FillTensor(7, {n, 2, 24, 32, 32});
}

TEST(MakeViews, TargetIsTheTurnedCropAndInputDiffersOnlyWhereCut) {
  const Tensor crops = SomeCrops(3);
  const Views views = MakeViews(crops, {}, {.seed = 1, .epoch = 2, .sample_ids = Ids(3)});
  for (int64_t row = 0; row < 6; ++row) {
    const int64_t k = views.rotation_B[row].item<int64_t>();
    EXPECT_TRUE(views.target_BCXYZ[row].equal(at::rot90(crops[row % 3], k, {2, 3}))) << row;
    const Tensor changed = views.input_BCXYZ[row].ne(views.target_BCXYZ[row]).any(/*dim=*/0);
    EXPECT_TRUE(changed.equal(views.mask_BXYZ[row])) << row;
  }
  EXPECT_FALSE(views.mask_BXYZ[0].equal(views.mask_BXYZ[3]));
}

TEST(MakeViews, NoiseFillsBlocksFromZeroToOneInAllChannelsTogether) {
  const Tensor crops = at::full({1, 2, 24, 32, 32}, 9.0F);  // alone: nothing to swap with
  const Views views = MakeViews(crops, {}, {.seed = 1, .epoch = 0, .sample_ids = {3}});
  const Tensor noise = views.input_BCXYZ.masked_select(views.input_BCXYZ.ne(9.0F));
  EXPECT_EQ(noise.min().item<float>(), 0.0F);
  EXPECT_EQ(noise.max().item<float>(), 1.0F);
  EXPECT_NEAR(noise.mean().item<double>(), 0.5, 0.05);
  EXPECT_TRUE(
      views.input_BCXYZ.select(1, 0).ne(9.0F).equal(views.input_BCXYZ.select(1, 1).ne(9.0F)));
}

TEST(MakeViews, TurnsAndPartnersAreEvenlyDrawn) {
  constexpr int64_t kNum = 400;
  std::array<int, 4> turns{};
  const Views views = MakeViews(
      FillTensor(1, {kNum, 1, 20, 20, 20}), {}, {.seed = 2, .epoch = 0, .sample_ids = Ids(kNum)});
  for (int64_t row = 0; row < 2 * kNum; ++row)
    ++turns[static_cast<std::size_t>(views.rotation_B[row].item<int64_t>())];
  for (const int count : turns) EXPECT_NEAR(count, 200, 50);  // four standard deviations
  const auto cuts =
      DrawCuts(XyzInt::Same(20), 1, {}, {.seed = 2, .epoch = 0, .sample_ids = Ids(4)}, 0);
  std::array<int, 4> partners{};
  for (uint64_t epoch = 0; epoch < 200; ++epoch) {
    for (const CropCuts& crop : DrawCuts(XyzInt::Same(20),
                                         1,
                                         {.max_cut_frac = 0.01},
                                         {.seed = 2, .epoch = epoch, .sample_ids = Ids(4)},
                                         0)) {
      ++partners[static_cast<std::size_t>(crop.partner_idx)];
    }
  }
  for (const int count : partners) EXPECT_NEAR(count, 200, 50);
}

// What is drawn for a crop goes with its sample id: in another order of the batch, the same.
TEST(MakeViews, DrawsGoWithTheSampleNotWithItsPlace) {
  const Tensor crops = SomeCrops(3);
  const std::vector<int64_t> order = {2, 0, 1};
  const Tensor index = at::tensor(order, at::kLong);
  const std::vector<uint64_t> ids = Ids(3);
  const Views views = MakeViews(crops, {}, {.seed = 1, .epoch = 0, .sample_ids = ids});
  const Views moved = MakeViews(crops.index_select(0, index),
                                {},
                                {.seed = 1, .epoch = 0, .sample_ids = {ids[2], ids[0], ids[1]}});
  const Tensor rows = at::cat({index, index + 3});
  EXPECT_TRUE(moved.rotation_B.equal(views.rotation_B.index_select(0, rows)));
  EXPECT_TRUE(moved.target_BCXYZ.equal(views.target_BCXYZ.index_select(0, rows)));
  EXPECT_TRUE(moved.mask_BXYZ.equal(views.mask_BXYZ.index_select(0, rows)));
}

TEST(MakeViews, FollowFromSeedEpochAndSampleAlone) {
  const Tensor crops = SomeCrops(2);
  const ViewKey key{.seed = 1, .epoch = 5, .sample_ids = {8, 9}};
  const Views views = MakeViews(crops, {}, key);
  MakeViews(SomeCrops(3), {}, {.seed = 9, .epoch = 0, .sample_ids = Ids(3)});
  const Views again = MakeViews(crops.contiguous(at::MemoryFormat::ChannelsLast3d), {}, key);
  EXPECT_TRUE(again.input_BCXYZ.equal(views.input_BCXYZ));
  EXPECT_TRUE(again.rotation_B.equal(views.rotation_B));
  for (const ViewKey& other : {ViewKey{.seed = 2, .epoch = 5, .sample_ids = {8, 9}},
                               ViewKey{.seed = 1, .epoch = 6, .sample_ids = {8, 9}},
                               ViewKey{.seed = 1, .epoch = 5, .sample_ids = {18, 19}}}) {
    EXPECT_FALSE(MakeViews(crops, {}, other).mask_BXYZ.equal(views.mask_BXYZ));
  }
}

TEST(MakeViews, RefusesCropsThatCannotBeCutOrTurned) {
  const auto text_of = [](at::IntArrayRef shape) -> std::string {
    try {
      MakeViews(at::zeros(shape), {}, {.seed = 0, .epoch = 0, .sample_ids = {1}});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kOption);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(text_of({1, 1, 19, 32, 32}),
              AllOf(HasSubstr("roi_size 19x32x32"), HasSubstr("axis X"), HasSubstr("20 voxels")));
  EXPECT_THAT(text_of({1, 1, 32, 32, 64}),
              AllOf(HasSubstr("roi_size 32x32x64"), HasSubstr("both must be equal")));
  EXPECT_EQ(text_of({1, 1, 21, 20, 20}), "");
}

}  // namespace
}  // namespace sap::ssl
