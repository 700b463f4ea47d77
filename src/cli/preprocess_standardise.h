// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/preprocess_options.h"
#include "sap/preprocess/pipeline.h"

namespace sap::cli {

// case.json's entry `nyul`: per image the percentiles and their values before any standardisation.
// Throws kInput for an image that is 0 everywhere.
nlohmann::json NativeLandmarks(const preprocess::CaseVolumes& volumes,
                               const preprocess::NyulOptions& options);

// Throws kOption unless options.scale_from is empty or holds a scale for options' percentiles.
void RequireScale(const PreprocessOptions& options);

// Puts T1 and b1000 of `cases` of output_dir on one intensity scale: that of options.scale_from, or
// one fitted over `cases`, which goes to nyul_T1.json and nyul_b1000.json. Voxels already on it are
// left alone; on another one they are taken back first. Returns how many images were rewritten.
int Standardise(const std::vector<std::string>& cases, const PreprocessOptions& options);

}  // namespace sap::cli
