// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

namespace sap::preprocess::dicom {

// Which files end the process that reads them: GDCM as distributions build it checks some damaged
// files by assertions. Every file is read once in a child process, its voxels too with
// `with_voxels`, so that one bad file is refused by its place and the other patients go on.
std::vector<bool> FilesThatEndTheReader(const std::vector<std::filesystem::path>& files,
                                        bool with_voxels);

}  // namespace sap::preprocess::dicom
