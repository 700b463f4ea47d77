// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <numeric>
#include <string>

#include <ATen/ATen.h>

#include "phantom/dicom_writer.h"
#include "sap/core/error.h"
#include "sap/core/rng.h"
#include "sap/preprocess/dicom_series.h"

namespace sap::preprocess {

inline const phantom::DicomPatient kPatient{
    "Quillfeather^Xanthe", "PID-778123", "19430217", "Saint Planted Hospital"};

// A grid of 6 x 5 x `slices` voxels, turned by `deg` about the x axis (0: axial).
inline Geometry SmallGrid(int64_t slices, double z_mm = 0, double deg = 0, double step_mm = 4) {
  const double angle = deg * 3.14159265358979323846 / 180, c = std::cos(angle), s = std::sin(angle);
  return {
      {6, 5, slices}, {2.5, 1.5, step_mm}, {-7, 11, z_mm}, {{{1, 0, 0}, {0, c, -s}, {0, s, c}}}};
}

// Voxel values that tell each voxel of each seed apart.
inline Volume Numbered(const Geometry& grid, int64_t seed) {
  const auto& n = grid.size_vox;
  Tensor data = (at::arange(n.Product(), at::kLong) * 7 + seed * 131) % 4093;
  return {data.view({n.x, n.y, n.z}).to(at::kShort), grid};
}

inline phantom::DicomVolume T1Volume(const Geometry& grid, int64_t seed = 1) {
  return {.stored = Numbered(grid, seed),
          .description = "T1 cor Quillfeather",
          .protocol = "T1",
          .study = "a",
          .series = "t1"};
}

inline phantom::DicomVolume DwiVolume(const Geometry& grid, double b, int64_t seed = 1) {
  return {.stored = Numbered(grid, seed),
          .description = "DWIBS",
          .protocol = "DWI",
          .series_number = 2,
          .study = "a",
          .series = "dwi",
          .b_s_per_mm2 = b};
}

// Instance Numbers 1..n in an order that has nothing to do with position.
inline std::vector<int> Shuffled(int64_t count, int first = 1) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), first);
  Rng rng({.seed = 3, .sample = static_cast<uint64_t>(first)});
  rng.Shuffle(std::span<int>(numbers));
  return numbers;
}

inline std::string FaultOf(const std::filesystem::path& folder, const DicomOptions& options = {}) {
  try {
    ReadDicomStations(folder, "P", options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace sap::preprocess
