// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <ATen/ATen.h>
#include <png.h>

#include "sap/core/error.h"
#include "sap/image/volume.h"

namespace sap::testing {

// A grey PNG slice (1 mm pixels) as a volume of num_slices equal slices: float32, rows along y.
inline Volume ReadSlice(const std::filesystem::path& path, int64_t num_slices) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  SAP_CHECK(png_image_begin_read_from_file(&image, path.c_str()) != 0, "{}", path.string());
  image.format = PNG_FORMAT_GRAY;
  std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(image));
  SAP_CHECK(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0);
  const int64_t rows = image.height;
  const int64_t columns = image.width;
  const Tensor slice_YX = at::from_blob(pixels.data(), {rows, columns}, at::kByte).to(at::kFloat);
  const Tensor data_XYZ =
      slice_YX.t().unsqueeze(2).expand({columns, rows, num_slices}).contiguous();
  return {data_XYZ, {.size_vox = {columns, rows, num_slices}}};
}

}  // namespace sap::testing
