// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "sap/core/files.h"

namespace sap::train {

// A TensorBoard event file with scalars: TFRecords of hand-encoded Event messages
// (specs/libtorch.md §5), so no protobuf library is needed.
class EventFile {
 public:
  explicit EventFile(const fs::path& folder);  // a new file; TensorBoard reads all of a folder
  void Scalar(const std::string& tag, int64_t step, double value);

 private:
  void Append(const std::string& event);

  fs::path path_;
};

// CRC-32C (Castagnoli), the check sum of TFRecords.
uint32_t Crc32c(const std::string& bytes);

}  // namespace sap::train
