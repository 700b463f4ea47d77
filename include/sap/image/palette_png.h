// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sap/core/tensor.h"

namespace sap {

using Rgb = std::array<uint8_t, 3>;

// Bytes of a PNG file of colour indices [rows, columns], uint8, CPU, row 0 at the top: index i has
// the colour palette[i]. SAP_CHECK: 1 to 256 colours, no index beyond them.
std::string PalettePngBytes(const Tensor& index_RC, const std::vector<Rgb>& palette);

}  // namespace sap
