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

// sha256 over names and contents of a patient's files, without reading an image.
std::string InputHash(const std::filesystem::path& patient);

// The patient's stations, in memory, oriented to LPS.
preprocess::StationSet ReadPatient(const std::filesystem::path& patient);

}  // namespace sap::cli
