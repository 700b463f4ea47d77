// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "sap/preprocess/sequence_rules.h"

namespace sap::preprocess {

// All files below a patient's folder in order of their path's bytes (as LC_ALL=C sort has them);
// hidden files and folders are passed over. Throws kIo, without a name, where a folder cannot be
// read and for links to nothing, whose slices would be missing without a word.
std::vector<std::filesystem::path> FilesBelow(const std::filesystem::path& folder);

// What messages and outputs may call each file. A name is shown as it is only when each of its
// words is a sequence's, a file type's or a short number (T1_1.nii.gz, IM00012.dcm); any other word
// may be the patient's, and the file is called by its place in the order of paths.
std::string NameByPlace(std::size_t file_idx, std::size_t num_files);
std::vector<std::string> NeutralNames(const std::vector<std::filesystem::path>& files,
                                      const SequenceRules& rules);

// A message of any origin without the paths of a patient's folder: `shown` in place of the folder,
// neutral names in place of the files below it.
std::string WithoutPaths(std::string text,
                         const std::filesystem::path& folder,
                         const std::string& shown,
                         const SequenceRules& rules);

}  // namespace sap::preprocess
