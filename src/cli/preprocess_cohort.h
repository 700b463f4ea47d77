// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/preprocess_options.h"

namespace sap::cli {

// Fits the standard intensity scale over `cases` of output_dir (T1 and b1000) and applies it.
// Voxels already on that scale are left alone; on an older one they are taken back first. The
// models go to nyul_T1.json and nyul_b1000.json. Returns how many images were rewritten.
int Standardise(const std::vector<std::string>& cases, const PreprocessOptions& options);

// Writes preprocess_cohort.csv: one row per case of output_dir with its figures; `outliers` names
// those whose robust z-score exceeds options.outlier. Returns the flagged case ids.
std::vector<std::string> WriteCohortTable(const PreprocessOptions& options);

}  // namespace sap::cli
