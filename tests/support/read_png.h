// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

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

}  // namespace sap::testing
