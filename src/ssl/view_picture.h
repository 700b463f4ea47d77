// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/files.h"
#include "sap/core/tensor.h"

namespace sap::ssl {

// A picture of pretraining, one row a crop: for each channel the clean view, the cut view and the
// reconstruction. Each is the middle Y-Z plane, Z upwards; the three share one grey window, that
// of the clean view.
class ViewPicture {
 public:
  // One row; all [C, X, Y, Z], floating, any device, the same size for all rows.
  void AddRow(const Tensor& target_CXYZ,
              const Tensor& input_CXYZ,
              const Tensor& reconstruction_CXYZ);
  int64_t NumRows() const { return static_cast<int64_t>(rows_.size()); }
  void Write(const fs::path& path) const;  // at least one row; creates the folder

 private:
  std::vector<Tensor> rows_;  // uint8 [rows, columns]
};

}  // namespace sap::ssl
