// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "preprocess/dicom_frame.h"

namespace sap::preprocess::dicom {

// The stored numbers of one file, decoded from any transfer syntax that GDCM knows: raw in either
// byte order, RLE, JPEG (lossless or not), JPEG-LS, JPEG 2000. Throws kInput naming `name`.
class StoredImage {
 public:
  StoredImage(const std::filesystem::path& path, const std::string& name, const Frame& frame);
  ~StoredImage();

  // Writes value = stored * slope + intercept of one slice to out[x * step_x + y * step_y].
  // With `precise`, Philips' display values are divided by slope * scale.
  void CopySlice(
      const Frame& frame, bool precise, float* out, int64_t step_x, int64_t step_y) const;

 private:
  struct Pixels;
  std::unique_ptr<Pixels> pixels_;
};

}  // namespace sap::preprocess::dicom
