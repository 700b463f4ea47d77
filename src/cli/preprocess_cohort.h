// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/preprocess_options.h"

namespace sap::cli {

using Figures = std::map<std::string, double>;               // of a case, by name
using Columns = std::map<std::string, std::vector<double>>;  // of all cases that have the figure

// Names of the figures of one case that lie apart from the cohort's median by more than z robust
// standard deviations (1.4826 MAD) and by more than such a figure must differ to matter. None
// where fewer than four cases have the figure.
std::vector<std::string> OutliersOf(const Figures& one, const Columns& cohort, double z);

// Writes preprocess_cohort.csv: one row per case of output_dir with its figures; `outliers` names
// those of OutliersOf with options.outlier. Returns the flagged case ids.
std::vector<std::string> WriteCohortTable(const PreprocessOptions& options);

}  // namespace sap::cli
