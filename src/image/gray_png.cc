// SPDX-License-Identifier: Apache-2.0
#include "sap/image/gray_png.h"

#include <string>

#include <ATen/ATen.h>
#include <png.h>

#include "sap/core/error.h"

namespace sap {
namespace {

std::string PngBytes(const Tensor& grey_RC) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(grey_RC.size(1));
  image.height = static_cast<png_uint_32>(grey_RC.size(0));
  image.format = PNG_FORMAT_GRAY;
  const uint8_t* pixels = grey_RC.const_data_ptr<uint8_t>();
  png_alloc_size_t size = 0;
  SAP_CHECK(png_image_write_to_memory(&image, nullptr, &size, 0, pixels, 0, nullptr) != 0);
  std::string bytes(size, '\0');
  SAP_CHECK(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels, 0, nullptr) != 0);
  bytes.resize(size);
  return bytes;
}

}  // namespace

void WriteGrayPng(const fs::path& path, const Tensor& grey_RC) {
  SAP_CHECK(grey_RC.dim() == 2 && grey_RC.scalar_type() == at::kByte && grey_RC.numel() > 0,
            "{}",
            ShapeString(grey_RC));
  WriteFileAtomically(path, PngBytes(grey_RC.contiguous()));
}

}  // namespace sap
