// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "sap/phantom/cohort_writer.h"

namespace sap::phantom {

// The atlas that comes along, loaded once per program.
inline const Atlas& TestAtlas() {
  static const Atlas atlas =
      LoadAtlas(std::filesystem::path(SAP_SOURCE_DIR) / "configs" / "atlas" / "bodyparts3d");
  return atlas;
}

inline Body SampleBody(uint64_t subject_idx, double spacing_mm = 5) {
  return MakeBody(TestAtlas(),
                  DrawShape(TestAtlas(), ShapeOptions{}, /*seed=*/7, subject_idx),
                  {spacing_mm, spacing_mm, spacing_mm});
}

}  // namespace sap::phantom
