// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <png.h>

#include "sap/core/tensor.h"

namespace sap::testing {

// Grey levels [rows, columns], uint8, of a grey PNG file.
inline Tensor ReadGrayPng(const std::filesystem::path& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&image, path.c_str()) == 0) {
    ADD_FAILURE() << path << " is no PNG";
    return {};
  }
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_GRAY));
  Tensor grey = at::empty({image.height, image.width}, at::kByte);
  EXPECT_NE(png_image_finish_read(&image, nullptr, grey.mutable_data_ptr(), 0, nullptr), 0);
  return grey;
}

// Colours [rows, columns, 3], uint8, of the bytes of a PNG file, as another reader shows them.
inline Tensor DecodedRgb(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()), 0);
  image.format = PNG_FORMAT_RGB;
  Tensor rgb_RC3 = at::empty({image.height, image.width, 3}, at::kByte);
  EXPECT_NE(png_image_finish_read(&image, nullptr, rgb_RC3.mutable_data_ptr(), 0, nullptr), 0);
  return rgb_RC3;
}

}  // namespace sap::testing
