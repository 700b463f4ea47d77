// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/preprocess_cases.h"
#include "cli/preprocess_options.h"
#include "sap/preprocess/pipeline.h"

namespace sap::cli {

// Files of a finished case folder.
inline constexpr const char* kPreprocessRecord = "case.json";
inline constexpr const char* kPreprocessImages[] = {"T1", "b1000"};

// The hash that says whether a case is done: its input, the options that shape it, the method's
// version. What does not change voxels (qc, outlier, part) is left out.
std::string CaseKey(const std::string& input_sha256, PreprocessOptions options);

// case.json of a folder whose images are as they were written, whatever lies beside them; nothing
// when one is missing or changed, or when the key differs.
std::optional<nlohmann::json> FinishedRecord(const std::filesystem::path& folder,
                                             const std::string& key);

// Throws kIo where making the case would remove what this program did not write.
void RequireOwnCase(const Patient& patient, const PreprocessOptions& options);

// Preprocesses one patient and replaces <output_dir>/<case>/ in one rename.
nlohmann::json PreprocessOne(const Patient& patient,
                             const std::string& input_sha256,
                             const std::string& key,
                             const PreprocessOptions& options);

}  // namespace sap::cli
