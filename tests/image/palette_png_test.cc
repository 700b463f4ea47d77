// SPDX-License-Identifier: Apache-2.0
#include "sap/image/palette_png.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/read_png.h"

namespace sap {
namespace {

TEST(PalettePng, EachPixelHasTheColourOfItsIndex) {
  const std::vector<Rgb> palette = {{0, 0, 0}, {230, 159, 0}, {86, 180, 233}};
  const Tensor index_RC = at::tensor({0, 1, 2, 2, 1, 0}, at::kByte).view({2, 3});
  const Tensor rgb_RC3 = testing::DecodedRgb(PalettePngBytes(index_RC, palette));
  ASSERT_EQ(rgb_RC3.size(0), 2);
  ASSERT_EQ(rgb_RC3.size(1), 3);
  for (int64_t r = 0; r < 2; ++r) {
    for (int64_t c = 0; c < 3; ++c) {
      const Rgb& colour = palette[index_RC[r][c].item<uint8_t>()];
      for (int64_t k = 0; k < 3; ++k) {
        EXPECT_EQ(rgb_RC3[r][c][k].item<int>(), colour[static_cast<std::size_t>(k)]);
      }
    }
  }
}

TEST(PalettePng, AnIndexBeyondThePaletteIsABug) {
  EXPECT_THROW(PalettePngBytes(at::full({2, 2}, 2, at::kByte), {{0, 0, 0}, {1, 1, 1}}), Error);
}

}  // namespace
}  // namespace sap
