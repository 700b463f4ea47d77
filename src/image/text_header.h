// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace sap {

// The text at the start of a MetaImage or NRRD file.
struct TextHeader {
  std::map<std::string, std::string> fields;  // keys in lower case
  int64_t first_voxel_byte = 0;
  bool compressed = false;  // the voxels
};

// Throws kInput for a header that is not one of the format the name says, has a field twice, or
// leaves out or contradicts what a physical grid needs.
TextHeader ReadMetaHeader(const std::filesystem::path& path);
TextHeader ReadNrrdHeader(const std::filesystem::path& path);

}  // namespace sap
