// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "image/voxel_stream.h"
#include "sap/image/volume.h"

namespace sap {

// MetaImage (.mha) and NRRD (.nrrd) through ITK, after our own look at the header's text: what ITK
// would guess or leave silently wrong is refused first. Rules: docs/formats.md.
Volume ReadThroughItk(const std::filesystem::path& path, VoxelTarget target);
Geometry ReadGeometryThroughItk(const std::filesystem::path& path);
void WriteThroughItk(const std::filesystem::path& path, const Volume& volume);

}  // namespace sap
