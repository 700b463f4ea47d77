// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "sap/image/volume.h"

namespace sap {

struct ReadVolumeOptions {
  bool allow_nan = false;  // otherwise NaN or infinite voxels are refused
  std::string name;        // what messages and warnings call a NIfTI file, whose own name may be a
                           // patient's; empty: its last two path parts
};

// Reads .nii, .nii.gz, .mha, .nrrd (docs/formats.md has the rules) on the file's own grid, as
// float32 [X, Y, Z]. Throws kInput or kGeometry naming the file by its last two path parts, the
// value, the rule and the next step; never returns a guessed grid.
Volume ReadVolume(const std::filesystem::path& path, const ReadVolumeOptions& options = {});

// The same for a .nii or .nii.gz that may hold several volumes along a fourth axis (diffusion):
// visit(index, volume) for each in order, one in memory at a time. Returns how many there were.
int64_t ReadVolumeSeries(const std::filesystem::path& path,
                         const std::function<void(int64_t index, const Volume& volume)>& visit,
                         const ReadVolumeOptions& options = {});

// The same for label maps: int16 [X, Y, Z]; values that are not whole numbers of 0 to 32767 after
// scaling are refused.
Volume ReadLabels(const std::filesystem::path& path);

// Only the grid, without reading voxels; `name` as in ReadVolumeOptions.
Geometry ReadGeometry(const std::filesystem::path& path, const std::string& name = "");

// Writes with the tensor's dtype (uint8, int16, int32, float32), atomically, without any free
// text of the source's header; sform and qform agree. .nii.gz is compressed at level 1.
void WriteVolume(const std::filesystem::path& path, const Volume& volume);

}  // namespace sap
