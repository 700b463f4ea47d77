// SPDX-License-Identifier: Apache-2.0
#include "sap/image/palette_png.h"

#include <ATen/ATen.h>
#include <png.h>

#include "sap/core/error.h"

namespace sap {

std::string PalettePngBytes(const Tensor& index_RC, const std::vector<Rgb>& palette) {
  SAP_CHECK(index_RC.dim() == 2 && index_RC.scalar_type() == at::kByte && index_RC.numel() > 0,
            "{}",
            ShapeString(index_RC));
  SAP_CHECK(!palette.empty() && palette.size() <= 256, "{} colours", palette.size());
  SAP_CHECK(index_RC.max().item<int64_t>() < std::ssize(palette),
            "index {} of {} colours",
            index_RC.max().item<int64_t>(),
            palette.size());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(index_RC.size(1));
  image.height = static_cast<png_uint_32>(index_RC.size(0));
  image.format = PNG_FORMAT_RGB_COLORMAP;
  image.colormap_entries = static_cast<png_uint_32>(palette.size());
  const Tensor rows_RC = index_RC.contiguous();
  const uint8_t* pixels = rows_RC.const_data_ptr<uint8_t>();
  const void* colours = palette.data();
  png_alloc_size_t size = 0;
  SAP_CHECK(png_image_write_to_memory(&image, nullptr, &size, 0, pixels, 0, colours) != 0);
  std::string bytes(size, '\0');
  SAP_CHECK(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels, 0, colours) != 0);
  bytes.resize(size);
  return bytes;
}

}  // namespace sap
