// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sap/core/tables.h"
#include "sap/eval/features.h"

namespace sap::cli {

// A folder of feature vectors: features.safetensors holds `features`, floating point [N, E], and
// features.csv says where each row comes from.
inline constexpr char kFeatureTensorFile[] = "features.safetensors";
inline constexpr char kFeatureTensorName[] = "features";
inline constexpr char kFeatureTableFile[] = "features.csv";
inline constexpr const char* kFeatureColumns[] = {
    "case", "subject", "kind", "lesion", "x_vox", "y_vox", "z_vox", "model"};

inline constexpr char kLesionKind[] = "lesion";
inline constexpr char kHealthyKind[] = "healthy";

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

// Writes both files of an existing folder. rows: kFeatureColumns, a row for each of features_NE.
void WriteFeatureFile(const std::filesystem::path& folder,
                      const Tensor& features_NE,
                      const Table& rows,
                      const std::map<std::string, std::string>& metadata);

}  // namespace sap::cli
