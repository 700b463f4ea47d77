// SPDX-License-Identifier: Apache-2.0
#include "sap/data/augment.h"

#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/tiny_store.h"
#include "support/tensor_near.h"

namespace sap::data {
namespace {

using sap::testing::TensorNear;
using ::testing::HasSubstr;

constexpr XyzInt kCube = {96, 96, 96};

TEST(DrawTransform, DependsOnSeedEpochAndSampleAlone) {
  const AugmentOptions options;
  EXPECT_EQ(DrawTransform(options, kCube, 2, 1, 2, 3), DrawTransform(options, kCube, 2, 1, 2, 3));
  int same = 0;
  for (uint64_t s = 0; s < 100; ++s) {
    const PatchTransform other_epoch = DrawTransform(options, kCube, 2, 1, 3, s);
    same += DrawTransform(options, kCube, 2, 1, 2, s) == other_epoch ? 1 : 0;
  }
  EXPECT_LT(same, 40);
}

TEST(DrawTransform, FrequenciesAndRangesAreTheAuthors) {
  constexpr int kDraws = 20000;
  double flips = 0;
  double turns = 0;
  double scales = 0;
  double shifts = 0;
  for (uint64_t s = 0; s < kDraws; ++s) {
    const PatchTransform t = DrawTransform({}, kCube, 2, 5, 0, s);
    flips += t.flip[1] ? 1 : 0;
    turns += t.num_quarter_turns > 0 ? 1 : 0;
    scales += t.scale != 1.0F ? 1 : 0;
    shifts += t.shift != 0.0F ? 1 : 0;
    EXPECT_LE(std::abs(t.scale - 1.0F), 0.1F);
    EXPECT_LE(std::abs(t.shift), 0.1F);
    EXPECT_LE(t.num_quarter_turns, 3);
  }
  EXPECT_NEAR(flips / kDraws, 0.5, 0.015);
  EXPECT_NEAR(turns / kDraws, 0.2, 0.012);
  EXPECT_NEAR(scales / kDraws, 0.1, 0.01);
  EXPECT_NEAR(shifts / kDraws, 0.1, 0.01);
}

TEST(DrawTransform, PatchesThatAreNotSquareKeepTheirShape) {
  AugmentOptions options;
  options.rot90_prob = 1;
  for (uint64_t s = 0; s < 50; ++s) {
    EXPECT_EQ(DrawTransform(options, {32, 64, 32}, 2, 1, 0, s).num_quarter_turns, 2);
  }
}

// What an older run drew must be drawn again. The table comes from an independent Philox 4x32-10
// with the keys of core/rng.h; the last column from three channels that always drop out.
TEST(DrawTransform, DrawsAreThoseOfTheFirstVersion) {
  struct Row {
    uint64_t seed, epoch, sample;
    PatchTransform drawn;
    uint64_t lost_of_3;
  };
  const Row rows[] = {
      {42, 0, 14, {{false, true, false}, 3, 0.9712427854537964F, 0}, 5},
      {42, 0, 53, {{false, true, true}, 3, 1, -0.03398260474205017F}, 6},
      {42, 7, 5, {{false, false, true}, 2, 0.9353790283203125F, 0}, 4},
      {42, 7, 50, {{false, false, true}, 2, 1, 0.0404379740357399F}, 6},
      {(1ULL << 40) + 1, 3, 38, {{true, false, true}, 3, 1, 0.07275117933750153F}, 1},
      {(1ULL << 40) + 1,
       3,
       44,
       {{true, true, false}, 0, 0.967754602432251F, -0.07267940044403076F},
       6},
  };
  AugmentOptions dropout;
  dropout.modality_dropout = 1;
  for (const Row& row : rows) {
    for (const AugmentOptions& options : {AugmentOptions{}, dropout}) {
      PatchTransform drawn =
          DrawTransform(options, kCube, /*num_channels=*/3, row.seed, row.epoch, row.sample);
      EXPECT_EQ(drawn.lost_channels, options.modality_dropout > 0 ? row.lost_of_3 : 0U);
      // A fused multiply-add may move the double before it is rounded to float.
      EXPECT_FLOAT_EQ(drawn.scale, row.drawn.scale);
      EXPECT_FLOAT_EQ(drawn.shift, row.drawn.shift);
      EXPECT_EQ(drawn.flip, row.drawn.flip);
      EXPECT_EQ(drawn.num_quarter_turns, row.drawn.num_quarter_turns);
    }
  }
}

TEST(ModalityDropout, LeavesAllOtherDrawsAlone) {
  AugmentOptions options;
  for (uint64_t s = 0; s < 200; ++s) {
    options.modality_dropout = 0;
    const PatchTransform without = DrawTransform(options, kCube, 2, 9, 4, s);
    EXPECT_EQ(without.lost_channels, 0U);
    options.modality_dropout = 1;
    PatchTransform with = DrawTransform(options, kCube, 2, 9, 4, s);
    EXPECT_NE(with.lost_channels, 0U);
    with.lost_channels = 0;
    EXPECT_EQ(with, without);
  }
}

TEST(ModalityDropout, KeepsEachSetOfChannelsThatIsNeitherEmptyNorWholeEquallyOften) {
  constexpr int kDraws = 30000;
  AugmentOptions options;
  options.modality_dropout = 0.4;
  for (const int64_t num_channels : {2, 3, 4}) {
    std::map<uint64_t, int> times;
    for (uint64_t s = 0; s < kDraws; ++s) {
      ++times[DrawTransform(options, kCube, num_channels, 5, 0, s).lost_channels];
    }
    EXPECT_NEAR(times[0], 0.6 * kDraws, 4 * std::sqrt(0.24 * kDraws));
    const auto whole = (uint64_t{1} << num_channels) - 1;
    const double expected = 0.4 * kDraws / static_cast<double>(whole - 1);
    ASSERT_EQ(times.size(), whole);  // no loss, and every loss but that of all channels
    for (const auto& [lost, count] : times) {
      EXPECT_LT(lost, whole);
      if (lost == 0) continue;
      EXPECT_NEAR(count, expected, 4 * std::sqrt(expected)) << lost;
    }
  }
}

TEST(ModalityDropout, IsRefusedForOneChannel) {
  AugmentOptions options;
  EXPECT_EQ(ErrorOf([&] { CheckAugment(options, 1); }).kind, std::nullopt);
  options.modality_dropout = 0.3;
  const Thrown thrown = ErrorOf([&] { CheckAugment(options, 1); });
  EXPECT_EQ(thrown.kind, ErrorKind::kOption);
  EXPECT_THAT(thrown.text, HasSubstr("augment.modality_dropout: 0.3 needs 2 to 62 channels"));
  EXPECT_THAT(thrown.text, HasSubstr("data.modalities names 1"));
  EXPECT_EQ(ErrorOf([&] { CheckAugment(options, 63); }).kind, ErrorKind::kOption);
  EXPECT_EQ(ErrorOf([&] { CheckAugment(options, 62); }).kind, std::nullopt);
}

TEST(TransformImage, ALostChannelIsBackgroundWhateverTheIntensitiesDo) {
  const Tensor image_CXYZ = at::rand({3, 4, 4, 4});
  const PatchTransform t{.scale = 1.05F, .shift = -0.07F, .lost_channels = 0b101};
  const Tensor transformed_CXYZ = TransformImage(image_CXYZ, t);
  EXPECT_TRUE(at::equal(transformed_CXYZ[0], at::zeros({4, 4, 4})));
  EXPECT_TRUE(at::equal(transformed_CXYZ[1], image_CXYZ[1] * 1.05F - 0.07F));
  EXPECT_TRUE(at::equal(transformed_CXYZ[2], at::zeros({4, 4, 4})));
}

// The copy from the store against tensor operations, for every flip and turn, and for each channel
// lost.
TEST(CopyPatch, EqualsThePlainTransform) {
  const auto store = TinyStore({.num_cases = 1, .size_vox = {20, 22, 24}});
  const XyzInt begin{-4, 9, 15};
  const XyzInt size{16, 16, 16};
  const Tensor image = store->ImagePatch(0, begin, size);
  const Tensor label = store->LabelPatch(0, begin, size);
  for (int code = 0; code < 32; ++code) {
    PatchTransform t;
    t.flip = {(code & 1) != 0, (code & 2) != 0, (code & 4) != 0};
    t.num_quarter_turns = code / 8;
    t.scale = 1.07F;
    t.shift = -0.04F;
    t.lost_channels = static_cast<uint64_t>(code % 3);  // none, T1, b1000
    Tensor copied_image = at::full_like(image, 7);      // what the memory held before
    Tensor copied_label = at::empty_like(label);
    store->CopyPatch(
        0, begin, size, t, copied_image.data_ptr<float>(), copied_label.data_ptr<uint8_t>());
    EXPECT_TRUE(TensorNear(copied_image, TransformImage(image, t), 1e-6)) << "code " << code;
    EXPECT_TRUE(TensorNear(copied_label, TransformLabel(label, t), 0)) << "code " << code;
  }
}

}  // namespace
}  // namespace sap::data
