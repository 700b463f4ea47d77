// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sap/core/files.h"

namespace sap {

// Runs gnuplot on `script` (a file name) in `folder`, without a shell; what it prints goes nowhere.
// False where gnuplot is absent or fails: a figure is never a reason to stop.
bool RunGnuplot(const fs::path& folder, std::string script);

}  // namespace sap
