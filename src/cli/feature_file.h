// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sap/eval/features.h"

namespace sap::cli {

// A folder of feature vectors: features.safetensors holds `features`, floating point [N, E], and
// features.csv says where each row comes from.
inline constexpr char kFeatureTensorFile[] = "features.safetensors";
inline constexpr char kFeatureTensorName[] = "features";
inline constexpr char kFeatureTableFile[] = "features.csv";
inline constexpr const char* kFeatureColumns[] = {
    "case", "subject", "kind", "lesion", "x_vox", "y_vox", "z_vox", "model"};

struct FeatureFile {
  eval::FeatureSet set;
  std::string model;
  // case, subject, kind, lesion, x_vox, y_vox, z_vox of each vector, as they stand in the table.
  std::vector<std::string> origin_header;
  std::vector<std::vector<std::string>> origins;
};

// `name` stands in messages. Columns may have any order, others are left out. Throws kIo or kInput,
// naming every column that is missing and every line whose cells break a rule.
FeatureFile ReadFeatureFile(const std::string& name, const std::filesystem::path& folder);

}  // namespace sap::cli
