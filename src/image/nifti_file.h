// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "image/voxel_stream.h"
#include "sap/image/volume.h"

namespace sap {

// NIfTI-1 and NIfTI-2 in one file, plain or gzip. Rules: docs/formats.md.
// `name`: what messages and warnings call the file.
Volume ReadNifti(const std::filesystem::path& path, VoxelTarget target, const std::string& name);
// One volume after the other of a file with three or four axes.
void ReadNiftiSeries(const std::filesystem::path& path,
                     const std::string& name,
                     const std::function<void(int64_t index, const Volume& volume)>& visit);
Geometry ReadNiftiGeometry(const std::filesystem::path& path, const std::string& name);

// NIfTI-1; gzip at level 1 when the name ends in .gz.
void WriteNifti(const std::filesystem::path& path, const Volume& volume);

}  // namespace sap
