// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_pixels.h"

#include <cstring>
#include <vector>

#include <gdcmImageReader.h>

#include "sap/core/error.h"

namespace sap::preprocess::dicom {

struct StoredImage::Pixels {
  std::vector<char> bytes;
  gdcm::PixelFormat::ScalarType type = gdcm::PixelFormat::UNKNOWN;
  int64_t pixel_bytes = 0;
  int64_t rows = 0, columns = 0, frames = 1;
};

namespace {

const char* NameOf(const gdcm::TransferSyntax& syntax) {
  const char* name = syntax.GetString();
  return name == nullptr ? "unknown" : name;
}

template <typename T>
void Copy(const char* first,
          int64_t row_pixels,
          const Frame& frame,
          double factor,
          double shift,
          float* out,
          int64_t step_x,
          int64_t step_y) {
  for (int64_t y = 0; y < frame.rows; ++y) {
    for (int64_t x = 0; x < frame.columns; ++x) {
      T stored;
      std::memcpy(
          &stored, first + (y * row_pixels + x) * static_cast<int64_t>(sizeof(T)), sizeof(T));
      out[x * step_x + y * step_y] =
          static_cast<float>(static_cast<double>(stored) * factor + shift);
    }
  }
}

}  // namespace

StoredImage::StoredImage(const std::filesystem::path& path,
                         const std::string& name,
                         const Frame& frame)
    : pixels_(std::make_unique<Pixels>()) {
  gdcm::ImageReader reader;
  reader.SetFileName(path.c_str());
  const bool read = reader.Read();
  const gdcm::TransferSyntax& syntax = reader.GetFile().GetHeader().GetDataSetTransferSyntax();
  SAP_REQUIRE(ErrorKind::kInput,
              read,
              "{}: the voxels cannot be read (transfer syntax {}; a damaged or truncated file); "
              "copy it again from its source, or convert it to Explicit VR Little Endian",
              name,
              NameOf(syntax));
  const gdcm::Image& image = reader.GetImage();
  SAP_REQUIRE(ErrorKind::kInput,
              image.GetPhotometricInterpretation() == gdcm::PhotometricInterpretation::MONOCHROME2,
              "{}: Photometric Interpretation (0028,0004) is not MONOCHROME2, so brightness is no "
              "measurement; export the series again as MONOCHROME2",
              name);
  Pixels& p = *pixels_;
  p.type = image.GetPixelFormat().GetScalarType();
  p.pixel_bytes = image.GetPixelFormat().GetPixelSize();
  p.columns = image.GetDimension(0);
  p.rows = image.GetDimension(1);
  p.frames = image.GetNumberOfDimensions() > 2 ? image.GetDimension(2) : 1;
  SAP_REQUIRE(ErrorKind::kInput,
              p.columns == frame.header->columns && p.rows == frame.header->rows &&
                  p.frames == frame.header->num_frames,
              "{}: the decoded picture has {}x{} pixels and {} frames, the header says {}x{} and "
              "{}; copy the file again from its source",
              name,
              p.columns,
              p.rows,
              p.frames,
              frame.header->columns,
              frame.header->rows,
              frame.header->num_frames);
  const auto expected = static_cast<std::size_t>(p.columns * p.rows * p.frames * p.pixel_bytes);
  p.bytes.resize(std::max<std::size_t>(image.GetBufferLength(), expected));
  SAP_REQUIRE(ErrorKind::kInput,
              image.GetBuffer(p.bytes.data()),
              "{}: the voxels cannot be decoded (transfer syntax {}; a damaged or truncated file); "
              "copy it again from its source, or convert it to Explicit VR Little Endian",
              name,
              NameOf(syntax));
  using Format = gdcm::PixelFormat;
  const bool plain = p.type == Format::UINT8 || p.type == Format::INT8 ||
                     p.type == Format::UINT16 || p.type == Format::INT16 ||
                     p.type == Format::UINT32 || p.type == Format::INT32 ||
                     p.type == Format::FLOAT32 || p.type == Format::FLOAT64;
  SAP_REQUIRE(ErrorKind::kInput,
              plain,
              "{}: {} bits a pixel; 8, 16 or 32 are read: convert the series",
              name,
              image.GetPixelFormat().GetBitsAllocated());
}

StoredImage::~StoredImage() = default;

void StoredImage::CopySlice(
    const Frame& frame, bool precise, float* out, int64_t step_x, int64_t step_y) const {
  const Pixels& p = *pixels_;
  const XyzInt corner_vox = frame.tile_vox.value_or(XyzInt{});
  const int64_t pixel = (frame.frame_idx * p.rows + corner_vox.y) * p.columns + corner_vox.x;
  const char* first = p.bytes.data() + pixel * p.pixel_bytes;
  const double divisor = precise && frame.philips_scale ? frame.slope * *frame.philips_scale : 1.0;
  const double factor = frame.slope / divisor, shift = frame.intercept / divisor;
  const auto copy = [&](auto zero) {
    Copy<decltype(zero)>(first, p.columns, frame, factor, shift, out, step_x, step_y);
  };
  using Format = gdcm::PixelFormat;
  switch (p.type) {
    case Format::UINT8:
      return copy(uint8_t{});
    case Format::INT8:
      return copy(int8_t{});
    case Format::UINT16:
      return copy(uint16_t{});
    case Format::INT16:
      return copy(int16_t{});
    case Format::UINT32:
      return copy(uint32_t{});
    case Format::INT32:
      return copy(int32_t{});
    case Format::FLOAT32:
      return copy(float{});
    case Format::FLOAT64:
      return copy(double{});
    default:
      SAP_CHECK(false, "pixel type {}", static_cast<int>(p.type));
  }
}

}  // namespace sap::preprocess::dicom
