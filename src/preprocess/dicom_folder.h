// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "preprocess/dicom_frame.h"

namespace sap::preprocess::dicom {

// A file that is an MR image and cannot be placed, or DICOM that cannot be read.
struct FaultyFile {
  std::shared_ptr<const SeriesHeader> header;  // null: not even its header can be read
  std::string text;                            // begins with the file's name
};

// What one pass over the headers of a patient's folder found.
struct Folder {
  std::vector<std::filesystem::path> files;  // sorted
  std::vector<std::string> names;            // what messages may call each file
  std::vector<Frame> frames;                 // of MR images, copies of one file only once
  std::vector<FaultyFile> faulty;
  std::map<std::string, int> left_out;  // reason, number of files
  int num_copies = 0;                   // files that repeat another one's SOP Instance UID
};

// Reads every header; `with_voxels` says that voxels will be read too (see dicom_probe.h). Throws
// kInput when the images belong to two patients or there is no DICOM at all.
Folder ScanFolder(const std::filesystem::path& folder,
                  const std::string& case_id,
                  const SequenceRules& rules,
                  bool with_voxels);

}  // namespace sap::preprocess::dicom
