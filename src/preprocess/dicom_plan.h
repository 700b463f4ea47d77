// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "preprocess/dicom_folder.h"
#include "preprocess/dicom_select.h"

namespace sap::preprocess::dicom {

// What would be read of a patient's folder: decided from the headers alone.
struct Plan {
  Folder folder;
  std::vector<Choice> choices;      // by series number, b-value, height
  std::vector<std::string> faults;  // of what would be used; empty: it can be read
};

Plan MakePlan(const std::filesystem::path& folder,
              const std::string& case_id,
              const DicomOptions& options,
              bool with_voxels);

DicomListing ListingOf(const Plan& plan);

// What was left out or assumed, for the case's record.
std::vector<std::string> NoticesOf(const Plan& plan);

}  // namespace sap::preprocess::dicom
