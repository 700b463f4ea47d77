// SPDX-License-Identifier: Apache-2.0
#include "sap/data/cohort.h"

#include <algorithm>
#include <optional>

#include "data/cohort_layouts.h"
#include "sap/core/error.h"
#include "sap/image/volume_io.h"

namespace sap::data {
namespace fs = std::filesystem;
namespace {

constexpr double kGridTolMm = 1e-3;

CohortLayout DetectLayout(const fs::path& path) {
  if (path.filename() == kNnsslFile || fs::exists(path / kNnsslFile)) return CohortLayout::kNnssl;
  if (fs::is_regular_file(path)) return CohortLayout::kDatalist;
  if (fs::exists(path / "dataset.json") && fs::exists(path / "imagesTr")) {
    return CohortLayout::kNnunet;
  }
  if (fs::exists(path / "lesion_patches")) return CohortLayout::kIbPatches;
  return CohortLayout::kCases;
}

FoundCases FindCases(const CohortOptions& options) {
  const CohortLayout layout =
      options.layout == CohortLayout::kAuto ? DetectLayout(options.path) : options.layout;
  const bool may_be_file = layout == CohortLayout::kDatalist || layout == CohortLayout::kNnssl;
  SAP_REQUIRE(ErrorKind::kInput,
              may_be_file || fs::is_directory(options.path),
              "data.path: {} is a file, but the layout {} is a folder",
              fs::path(options.path).filename().string(),
              EnumName(layout));
  switch (layout) {
    case CohortLayout::kNnunet:
      return FindNnunetCases(options);
    case CohortLayout::kDatalist:
      return FindDatalistCases(options);
    case CohortLayout::kIbPatches:
      return FindIbPatches(options);
    case CohortLayout::kNnssl:
      return FindNnsslCases(options);
    default:
      return FindCaseFolders(options);
  }
}

std::optional<Geometry> GridOf(const CaseRecord& record,
                               const fs::path& path,
                               std::vector<std::string>& faults) {
  try {
    return ReadGeometry(path);
  } catch (const Error& error) {  // every case's faults belong in one report
    if (error.kind() == ErrorKind::kBug) throw;
    faults.push_back(fmt::format("{}: {}", record.id, error.what()));
    return std::nullopt;
  }
}

void CheckGrids(const CaseRecord& record, std::vector<std::string>& faults) {
  std::vector<fs::path> files = record.images;
  if (record.label) files.push_back(*record.label);
  if (record.body) files.push_back(*record.body);
  std::optional<Geometry> first;
  for (const fs::path& file : files) {
    const auto grid = GridOf(record, file, faults);
    if (!first) first = grid;
    if (!grid || first->SameGridAs(*grid, kGridTolMm)) continue;
    faults.push_back(fmt::format(
        "{}: {} is not on the grid of {} ({}); put all volumes of a case on one grid, as "
        "sap-preprocess does",
        record.id,
        file.filename().string(),
        files.front().filename().string(),
        grid->DifferenceFrom(*first, kGridTolMm)));
  }
}

void CheckRecord(const CaseRecord& record,
                 const CohortOptions& options,
                 std::vector<std::string>& faults) {
  const bool printable = std::all_of(record.id.begin(), record.id.end(), [](unsigned char c) {
    return c > 31 && c != '/' && c != '\\';
  });
  if (record.id.empty() || !printable) {
    faults.push_back(fmt::format(
        "case id \"{}\": ids are file names; use letters, digits, '-' and '_'", record.id));
  }
  if (options.require_labels && !record.label) {
    faults.push_back(fmt::format(
        "{}: no label map {}; add it, set data.label to its file stem, or leave the case out",
        record.id,
        options.label));
  }
  CheckGrids(record, faults);
}

void CheckUniqueIds(const std::vector<CaseRecord>& sorted, std::vector<std::string>& faults) {
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i].id == sorted[i - 1].id) {
      faults.push_back(
          fmt::format("{}: the id stands for two cases; ids must differ", sorted[i].id));
    }
  }
}

void FailWith(const fs::path& path, const std::vector<std::string>& faults) {
  fs::path folder = path.has_filename() ? path : path.parent_path();
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "cohort {}: {} fault{}\n  {}",
              folder.filename().string(),
              faults.size(),
              faults.size() == 1 ? "" : "s",
              fmt::join(faults, "\n  "));
}

}  // namespace

std::optional<std::size_t> Cohort::Find(const std::string& case_id) const {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].id == case_id) return i;
  }
  return std::nullopt;
}

Cohort LoadCohort(const CohortOptions& options) {
  SAP_REQUIRE(ErrorKind::kOption,
              !options.path.empty(),
              "data.path is empty; give the folder of the cohort");
  SAP_REQUIRE(ErrorKind::kOption,
              !options.modalities.empty(),
              "data.modalities is empty; name at least one input channel");
  SAP_REQUIRE(ErrorKind::kInput,
              fs::exists(options.path),
              "data.path: {} does not exist; check the path",
              options.path);
  Cohort cohort;
  cohort.modalities = options.modalities;
  cohort.labels = MakeLabelTable(options.labels);
  cohort.orientation = options.orientation;
  cohort.spacing_mm = options.spacing_mm;

  FoundCases found = FindCases(options);
  const fs::path table = fs::path(options.path) / "cohort.yaml";
  if (fs::exists(table)) ApplyCohortTable(table, found);
  KeepWanted(options.cases, found);
  for (FoundCase& one : found.cases) {
    CheckRecord(one.record, options, one.faults);
    found.faults.insert(found.faults.end(), one.faults.begin(), one.faults.end());
    cohort.cases.push_back(std::move(one.record));
  }
  std::sort(cohort.cases.begin(), cohort.cases.end(), [](const CaseRecord& a, const CaseRecord& b) {
    return a.id < b.id;
  });
  CheckUniqueIds(cohort.cases, found.faults);
  if (cohort.cases.empty() && found.faults.empty()) {
    found.faults.push_back("no cases; a cohort folder holds one folder per case with " +
                           fmt::format("{}.nii.gz", fmt::join(options.modalities, ".nii.gz, ")));
  }
  FailWith(options.path, found.faults);
  return cohort;
}

}  // namespace sap::data
