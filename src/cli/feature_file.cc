// SPDX-License-Identifier: Apache-2.0
#include "cli/feature_file.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/nn/weights_io.h"

namespace sap::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Tensor ReadVectors(const std::string& name, const fs::path& folder) {
  const nn::NamedTensors tensors = nn::ReadSafetensors(folder / kFeatureTensorFile);
  const Tensor* found = tensors.Find(kFeatureTensorName);
  SAP_REQUIRE(ErrorKind::kInput,
              found != nullptr,
              "features.{}: {} holds no tensor named {}",
              name,
              kFeatureTensorFile,
              kFeatureTensorName);
  SAP_REQUIRE(ErrorKind::kInput,
              found->dim() == 2 && found->is_floating_point() && found->numel() > 0,
              "features.{}: {} is {}; a matrix of one row per vector, floating point, is needed",
              name,
              kFeatureTensorName,
              ShapeString(*found));
  return *found;
}

// Where each of kFeatureColumns stands.
std::map<std::string, std::size_t> ColumnsOf(const std::string& name,
                                             const std::vector<std::string>& header) {
  std::map<std::string, std::size_t> at;
  std::vector<std::string> missing;
  for (const char* column : kFeatureColumns) {
    const auto found = std::find(header.begin(), header.end(), column);
    if (found == header.end()) missing.emplace_back(column);
    at[column] = static_cast<std::size_t>(found - header.begin());
  }
  SAP_REQUIRE(ErrorKind::kInput,
              missing.empty(),
              "features.{}: {} lacks the column{} {}; its first line must name {}",
              name,
              kFeatureTableFile,
              missing.size() == 1 ? "" : "s",
              fmt::join(missing, ", "),
              fmt::join(kFeatureColumns, ", "));
  return at;
}

// Faults of one line, as text; nothing when it is right.
std::string LineFault(const std::vector<std::string>& row,
                      const std::map<std::string, std::size_t>& at,
                      std::size_t num_columns) {
  if (row.size() != num_columns) {
    return fmt::format("{} cells, the first line has {}", row.size(), num_columns);
  }
  const std::string& kind = row[at.at("kind")];
  if (kind != kLesionKind && kind != kHealthyKind) {
    return fmt::format("kind is '{}', not {} or {}", kind, kLesionKind, kHealthyKind);
  }
  for (const char* column : {"case", "subject", "model"}) {
    if (row[at.at(column)].empty()) return fmt::format("{} is empty", column);
  }
  return "";
}

void RequireGoodLines(const std::string& name,
                      const Rows& rows,
                      const std::map<std::string, std::size_t>& at) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> faults;
  std::set<std::string> models;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string fault = LineFault(rows[r], at, rows[0].size());
    if (!fault.empty()) faults.push_back(fmt::format("row {}: {}", r, fault));
    if (fault.empty()) models.insert(rows[r][at.at("model")]);
  }
  const std::size_t num_faults = faults.size();
  if (num_faults > kShown) {
    faults.resize(kShown);
    faults.push_back(fmt::format("and {} more", num_faults - kShown));
  }
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "features.{}: {}: {}",
              name,
              kFeatureTableFile,
              fmt::join(faults, "; "));
  SAP_REQUIRE(ErrorKind::kInput,
              models.size() == 1,
              "features.{}: vectors of {} models ({}) in one folder; distances between them mean "
              "nothing, so give each its own folder",
              name,
              models.size(),
              fmt::join(models, ", "));
}

}  // namespace

FeatureFile ReadFeatureFile(const std::string& name, const fs::path& folder) {
  FeatureFile file;
  file.set.name = name;
  file.set.features_NE = ReadVectors(name, folder);
  const Rows rows = ParseCsv(ReadFile(folder / kFeatureTableFile));
  SAP_REQUIRE(
      ErrorKind::kInput, !rows.empty(), "features.{}: {} is empty", name, kFeatureTableFile);
  const auto at = ColumnsOf(name, rows[0]);
  SAP_REQUIRE(ErrorKind::kInput,
              std::ssize(rows) - 1 == file.set.features_NE.size(0),
              "features.{}: {} has {} rows, {} holds {} vectors; row order and number must be "
              "equal, so write both files again",
              name,
              kFeatureTableFile,
              rows.size() - 1,
              kFeatureTensorFile,
              file.set.features_NE.size(0));
  RequireGoodLines(name, rows, at);
  file.model = rows[1][at.at("model")];
  for (const char* column : kFeatureColumns) {
    if (column != std::string("model")) file.origin_header.emplace_back(column);
  }
  for (std::size_t r = 1; r < rows.size(); ++r) {
    file.set.is_lesion.push_back(rows[r][at.at("kind")] == kLesionKind);
    file.set.patients.push_back(rows[r][at.at("subject")]);
    std::vector<std::string>& origin = file.origins.emplace_back();
    for (const std::string& column : file.origin_header) origin.push_back(rows[r][at.at(column)]);
  }
  eval::RequireComparable(file.set);
  return file;
}

void WriteFeatureFile(const fs::path& folder,
                      const Tensor& features_NE,
                      const Table& rows,
                      const std::map<std::string, std::string>& metadata) {
  SAP_CHECK(static_cast<int64_t>(rows.NumRows()) == features_NE.size(0),
            "{} rows for {}",
            rows.NumRows(),
            ShapeString(features_NE));
  nn::WriteSafetensors(folder / kFeatureTensorFile,
                       {.entries = {{kFeatureTensorName, features_NE}}, .metadata = metadata});
  WriteFileAtomically(folder / kFeatureTableFile, rows.Csv());
}

}  // namespace sap::cli
