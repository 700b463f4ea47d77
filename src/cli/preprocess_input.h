// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/preprocess_options.h"
#include "sap/preprocess/station.h"

namespace sap::cli {

// Patients of input_dir that the options select, sorted; with part i/n every n-th from the i-th.
std::vector<std::string> PatientsOf(const PreprocessOptions& options);

// sha256 over a patient's files and the sequence table, without reading an image.
std::string InputHash(const std::filesystem::path& patient, const PreprocessOptions& options);

// The patient's stations, in memory, oriented to LPS: from DICOM where the folder holds any, else
// from NIfTI.
preprocess::StationSet ReadPatient(const std::filesystem::path& patient,
                                   const PreprocessOptions& options);

// What ReadPatient would use, leave out or refuse, and why; reads headers only.
std::string ListPatient(const std::filesystem::path& patient, const PreprocessOptions& options);

}  // namespace sap::cli
