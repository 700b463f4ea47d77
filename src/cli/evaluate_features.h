// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_options.h"
#include "sap/cli/app.h"

namespace sap::cli {

// Studies the vectors of every folder of `features` and writes features.csv, .json and .md,
// tsne_NAME.csv, figures/features.* and report.html into output_dir. All folders are read before
// the first is studied. Throws kOption for a name that is no file name, kIo or kInput for what a
// folder lacks.
int EvaluateFeatures(const EvaluateOptions& options,
                     const nlohmann::json& record,
                     const AppContext& context);

}  // namespace sap::cli
