// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/core/files.h"
#include "sap/core/tensor.h"

namespace sap {

// Writes grey levels [rows, columns], uint8, CPU, row 0 at the top, as an 8-bit PNG file;
// atomically. Throws kIo when it cannot be written.
void WriteGrayPng(const fs::path& path, const Tensor& grey_RC);

}  // namespace sap
