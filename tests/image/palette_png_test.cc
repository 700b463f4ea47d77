// SPDX-License-Identifier: Apache-2.0
#include "sap/image/palette_png.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <png.h>

#include "sap/core/error.h"

namespace sap {
namespace {

// Colours [rows, columns, 3], as another reader of PNG would show them.
Tensor DecodedRgb(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()), 0);
  image.format = PNG_FORMAT_RGB;
  Tensor rgb_RC3 = at::empty({image.height, image.width, 3}, at::kByte);
  EXPECT_NE(png_image_finish_read(&image, nullptr, rgb_RC3.mutable_data_ptr(), 0, nullptr), 0);
  return rgb_RC3;
}

TEST(PalettePng, EachPixelHasTheColourOfItsIndex) {
  const std::vector<Rgb> palette = {{0, 0, 0}, {230, 159, 0}, {86, 180, 233}};
  const Tensor index_RC = at::tensor({0, 1, 2, 2, 1, 0}, at::kByte).view({2, 3});
  const Tensor rgb_RC3 = DecodedRgb(PalettePngBytes(index_RC, palette));
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
