// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sap::cli {

// The fold of each case. `split` is sap-split JSON (folds of subjects), nnU-Net's
// splits_final.json (the fold of a case is where it is in val), or CSV with case,fold. A case's
// subject is its id unless reference_dir/cohort.yaml names another. Throws one kInput error that
// lists every case in no fold or in two.
std::vector<int> FoldsOfCases(const std::filesystem::path& split,
                              const std::filesystem::path& reference_dir,
                              const std::vector<std::string>& case_ids);

}  // namespace sap::cli
