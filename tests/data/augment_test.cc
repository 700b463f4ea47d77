// SPDX-License-Identifier: Apache-2.0
#include "sap/data/augment.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "data/tiny_store.h"
#include "support/tensor_near.h"

namespace sap::data {
namespace {

using sap::testing::TensorNear;

constexpr XyzInt kCube = {96, 96, 96};

TEST(DrawTransform, DependsOnSeedEpochAndSampleAlone) {
  const AugmentOptions options;
  EXPECT_EQ(DrawTransform(options, kCube, 1, 2, 3), DrawTransform(options, kCube, 1, 2, 3));
  int same = 0;
  for (uint64_t s = 0; s < 100; ++s) {
    same +=
        DrawTransform(options, kCube, 1, 2, s) == DrawTransform(options, kCube, 1, 3, s) ? 1 : 0;
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
    const PatchTransform t = DrawTransform({}, kCube, 5, 0, s);
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
    EXPECT_EQ(DrawTransform(options, {32, 64, 32}, 1, 0, s).num_quarter_turns, 2);
  }
}

// The copy from the store against tensor operations, for every flip and turn.
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
    Tensor copied_image = at::empty_like(image);
    Tensor copied_label = at::empty_like(label);
    store->CopyPatch(
        0, begin, size, t, copied_image.data_ptr<float>(), copied_label.data_ptr<uint8_t>());
    EXPECT_TRUE(TensorNear(copied_image, TransformImage(image, t), 1e-6)) << "code " << code;
    EXPECT_TRUE(TensorNear(copied_label, TransformLabel(label, t), 0)) << "code " << code;
  }
}

}  // namespace
}  // namespace sap::data
