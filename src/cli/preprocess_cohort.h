// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/preprocess_options.h"

namespace sap::cli {

// Writes preprocess_cohort.csv: one row per case of output_dir with its figures; `outliers` names
// those whose robust z-score exceeds options.outlier. Returns the flagged case ids.
std::vector<std::string> WriteCohortTable(const PreprocessOptions& options);

}  // namespace sap::cli
