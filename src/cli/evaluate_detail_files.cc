// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/evaluate_details.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

constexpr const char* kRegionName = "skeleton";
constexpr const char* kAdcName = "ADC_um2_per_s";
constexpr const char* kCalibrationRegion = "body";

// All faults of all exams; an option's fault decides the exit code before an input's.
struct Faults {
  std::vector<std::string> texts;
  bool of_option = false;
  bool of_input = false;

  void Throw() const {
    const ErrorKind kind = of_option  ? ErrorKind::kOption
                           : of_input ? ErrorKind::kInput
                                      : ErrorKind::kGeometry;
    SAP_REQUIRE(kind, texts.empty(), "{}", fmt::join(texts, "\n"));
  }
};

// A file beside the reference: one that the user names must be there and fit, one that happens to
// lie there is used when it fits. The name "" asks for none.
struct SideFile {
  const char* option;
  const std::optional<std::string>& name;
  const char* usual_name;
};

std::optional<fs::path> FindSideFile(const SideFile& side,
                                     const fs::path& case_folder,
                                     const Geometry& grid,
                                     Faults& faults) {
  if (side.name && side.name->empty()) return std::nullopt;
  const std::string id = case_folder.filename().string();
  const std::string name = side.name.value_or(side.usual_name);
  const auto path = FindVolume(case_folder / name);
  if (!path) {
    if (side.name) {
      faults.of_input = true;
      faults.texts.push_back(
          fmt::format("{}: has no {}.nii.gz, which {} names; add it to the reference's case folder",
                      id,
                      name,
                      side.option));
    }
    return std::nullopt;
  }
  const std::string difference = ReadGeometry(*path).DifferenceFrom(grid);
  if (difference.empty()) return path;
  const std::string text = fmt::format(
      "{}: {} is not on the reference's grid ({})", id, path->filename().string(), difference);
  if (side.name) {
    faults.texts.push_back(text + "; resample it to that grid");
  } else {
    log::Warning("{}; it is left out", text);
  }
  return std::nullopt;
}

// The array axis that runs along the patient's height.
int AxialAxis(const Geometry& grid) {
  return static_cast<int>(grid.OrientationCode().find_first_of("SI"));
}

void AddMembers(const EvaluateOptions& options,
                const std::vector<std::string>& folders,
                const std::string& id,
                const Geometry& grid,
                DetailFiles& files,
                Faults& faults) {
  for (const std::string& folder : folders) {
    const auto prediction = FindPrediction(options, folder, id);
    const std::string shown = fs::path(folder).filename().string();
    if (!prediction) {
      faults.of_input = true;
      faults.texts.push_back(fmt::format("{}: the member {} has no prediction of it", id, shown));
      continue;
    }
    const std::string difference = ReadGeometry(prediction->prediction).DifferenceFrom(grid);
    if (!difference.empty()) {
      faults.texts.push_back(
          fmt::format("{}: the prediction of member {} is not on the reference's grid ({}); "
                      "resample it first",
                      id,
                      shown,
                      difference));
    }
    files.members.push_back(*prediction);
  }
}

void CheckMembers(const EvaluateOptions& options,
                  const std::vector<MethodPairs>& methods,
                  Faults& faults) {
  for (const auto& [name, folders] : options.details.members) {
    const bool known = std::any_of(
        methods.begin(), methods.end(), [&](const MethodPairs& m) { return m.name == name; });
    if (known && folders.size() >= 2) continue;
    faults.of_option = true;
    faults.texts.push_back(
        known ? fmt::format("members.{}: {} folder(s); agreement needs two members or more",
                            name,
                            folders.size())
              : fmt::format("members.{}: no method has this name; prediction_dir's is prediction",
                            name));
  }
}

void CheckFollowUp(const EvaluateOptions& options,
                   const std::vector<CasePair>& pairs,
                   Faults& faults) {
  const auto reference_of = [&](const std::string& id) -> std::optional<fs::path> {
    const auto found = std::find_if(
        pairs.begin(), pairs.end(), [&](const CasePair& pair) { return pair.id == id; });
    return found == pairs.end() ? std::nullopt : std::optional<fs::path>(found->reference);
  };
  for (const auto& [later, earlier] : options.details.follow_up) {
    const auto later_path = reference_of(later);
    const auto earlier_path = reference_of(earlier);
    if (!later_path || !earlier_path || later == earlier) {
      faults.of_option = true;
      faults.texts.push_back(
          later == earlier
              ? fmt::format("follow_up.{}: an exam does not follow itself", later)
              : fmt::format("follow_up.{}={}: {} is not evaluated; both exams need a reference and "
                            "a prediction, and neither may be a tuning case",
                            later,
                            earlier,
                            later_path ? earlier : later));
      continue;
    }
    const std::string difference =
        ReadGeometry(*later_path).DifferenceFrom(ReadGeometry(*earlier_path));
    if (!difference.empty()) {
      faults.texts.push_back(
          fmt::format("follow_up.{0}={1}: the exams are not on one grid ({2}); register {0} to {1} "
                      "and resample it to that grid first",
                      later,
                      earlier,
                      difference));
    }
  }
}

}  // namespace

std::vector<DetailFilesOfCases> FindDetailFiles(const EvaluateOptions& options,
                                                const std::vector<MethodPairs>& methods) {
  const DetailOptions& o = options.details;
  const SideFile regions{"region_name", o.region_name, kRegionName};
  const SideFile adc{"adc_name", o.adc_name, kAdcName};
  const SideFile counted{"calibration_region", o.calibration_region, kCalibrationRegion};
  Faults faults;
  CheckMembers(options, methods, faults);
  CheckFollowUp(options, methods.front().pairs, faults);
  std::vector<DetailFilesOfCases> of_methods;
  for (const MethodPairs& method : methods) {
    DetailFilesOfCases& of_cases = of_methods.emplace_back();
    const auto members = o.members.find(method.name);
    for (const CasePair& pair : method.pairs) {
      const Geometry grid = ReadGeometry(pair.reference);
      const fs::path folder = fs::path(options.reference_dir) / pair.id;
      DetailFiles& files = of_cases[pair.id];
      files.is_probability = pair.is_probability;
      files.axial_axis = AxialAxis(grid);
      if (&method == &methods.front()) {
        files.regions = FindSideFile(regions, folder, grid, faults);
        files.adc = FindSideFile(adc, folder, grid, faults);
        files.counted = FindSideFile(counted, folder, grid, faults);
      } else if (const auto same = of_methods.front().find(pair.id);
                 same != of_methods.front().end()) {
        files.regions = same->second.regions;
        files.adc = same->second.adc;
        files.counted = same->second.counted;
      }
      if (members != o.members.end()) {
        AddMembers(options, members->second, pair.id, grid, files, faults);
      }
    }
  }
  faults.Throw();
  return of_methods;
}

}  // namespace sap::cli
