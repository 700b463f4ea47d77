// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/preprocess_options.h"

namespace sap::cli {

// A patient's folder and the only name of it that outputs and messages carry.
struct Patient {
  std::string case_id;
  std::filesystem::path folder;
};

// Patients of input_dir that the options select, by case id; with part i/n every n-th from the
// i-th. The case id is the folder's name, or its study code in the table case_names. Throws with
// all faults of the table at once, by line: its folder names are never repeated.
std::vector<Patient> PatientsOf(const PreprocessOptions& options);

}  // namespace sap::cli
