// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_cases.h"

#include <optional>
#include <set>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/image/volume_io.h"
#include "sap/infer/postprocess.h"

namespace sap::cli {
namespace {

constexpr const char* kEndings[] = {".nii.gz", ".nii"};

std::optional<fs::path> FindFile(const fs::path& stem) {
  for (const char* ending : kEndings) {
    const fs::path path = stem.string() + ending;
    if (fs::is_regular_file(path)) return path;
  }
  return std::nullopt;
}

std::string ReferenceName(const EvaluateOptions& options) {
  return options.reference_name.value_or(options.task == EvaluateTask::kLesion ? "GT" : "skeleton");
}

std::optional<fs::path> FindReference(const EvaluateOptions& options, const std::string& id) {
  const fs::path folder = options.reference_dir;
  const auto in_folder = FindFile(folder / id / ReferenceName(options));
  return in_folder ? in_folder : FindFile(folder / id);
}

// sap-predict's case folder, probabilities first; or one file per case.
std::optional<CasePair> FindPrediction(const EvaluateOptions& options,
                                       const fs::path& folder,
                                       const std::string& id) {
  const bool lesion = options.task == EvaluateTask::kLesion;
  if (lesion) {
    if (const auto path = FindFile(folder / id / "probability")) return CasePair{id, {}, *path};
  }
  if (const auto path = FindFile(folder / id / "prediction")) return CasePair{id, {}, *path, false};
  if (const auto path = FindFile(folder / id)) return CasePair{id, {}, *path, lesion};
  return std::nullopt;
}

// Names of case folders and of files without their ending.
std::set<std::string> Ids(const fs::path& folder, const char* option) {
  SAP_REQUIRE(ErrorKind::kInput,
              fs::is_directory(folder),
              "{}: {} is not a folder",
              option,
              folder.filename().string());
  std::set<std::string> ids;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    if (entry.is_directory()) ids.insert(name);
    for (const char* ending : kEndings) {
      if (!entry.is_directory() && name.ends_with(ending)) {
        ids.insert(name.substr(0, name.size() - std::string(ending).size()));
        break;
      }
    }
  }
  return ids;
}

std::set<std::string> WantedIds(const EvaluateOptions& options,
                                const fs::path& prediction_dir,
                                const std::vector<std::string>& named) {
  if (!named.empty()) return {named.begin(), named.end()};
  std::set<std::string> ids;
  for (const std::string& id : Ids(prediction_dir, "prediction_dir")) {
    if (FindPrediction(options, prediction_dir, id)) ids.insert(id);
  }
  for (const std::string& id : Ids(options.reference_dir, "reference_dir")) {
    if (FindReference(options, id) && !ids.contains(id)) {
      log::Warning("{}: has a reference and no prediction; it is not evaluated", id);
    }
  }
  return ids;
}

}  // namespace

std::vector<CasePair> FindPairs(const EvaluateOptions& options,
                                const fs::path& prediction_dir,
                                const std::vector<std::string>& ids) {
  std::vector<CasePair> pairs;
  std::vector<std::string> faults;
  ErrorKind kind = ErrorKind::kGeometry;
  for (const std::string& id : WantedIds(options, prediction_dir, ids)) {
    auto pair = FindPrediction(options, prediction_dir, id);
    const auto reference = FindReference(options, id);
    if (!pair || !reference) {
      kind = ErrorKind::kInput;
      faults.push_back(fmt::format("{}: has no {} in {}",
                                   id,
                                   pair ? "reference" : "prediction",
                                   pair ? "reference_dir" : "prediction_dir"));
      continue;
    }
    pair->reference = *reference;
    const std::string difference =
        ReadGeometry(pair->prediction).DifferenceFrom(ReadGeometry(pair->reference));
    if (!difference.empty()) {
      faults.push_back(
          fmt::format("{}: the prediction is not on the reference's grid ({}); "
                      "resample the probability map to it first",
                      id,
                      difference));
    }
    pairs.push_back(std::move(*pair));
  }
  if (faults.empty() && pairs.empty()) {
    kind = ErrorKind::kInput;
    faults.emplace_back("prediction_dir holds no case; see --help for the layouts it may have");
  }
  SAP_REQUIRE(kind, faults.empty(), "{}", fmt::join(faults, "\n"));
  return pairs;
}

std::vector<fs::path> FindImages(const EvaluateOptions& options, const std::string& id) {
  const fs::path folder = options.image_dir.value_or(options.reference_dir);
  std::vector<fs::path> images;
  for (const std::string& name : options.image_names) {
    if (const auto path = FindFile(folder / id / name)) images.push_back(*path);
  }
  return images;
}

eval::CaseInput LoadLesionCase(const CasePair& pair) {
  const Volume reference = ReadLabels(pair.reference);
  const Volume prediction = ReadVolume(pair.prediction);
  return {.id = pair.id,
          .reference_XYZ = reference.data(),
          .probability_XYZ =
              pair.is_probability ? prediction.data() : (prediction.data() > 0).to(at::kFloat),
          .spacing_mm = reference.geometry().spacing_mm};
}

eval::LabelPair LoadSkeletonCase(const CasePair& pair, bool majority_vote) {
  Tensor predicted_XYZ = ReadLabels(pair.prediction).data();
  if (majority_vote) predicted_XYZ = infer::MajorityVote(predicted_XYZ.to(at::kByte));
  return {.id = pair.id,
          .reference_XYZ = ReadLabels(pair.reference).data(),
          .predicted_XYZ = predicted_XYZ};
}

}  // namespace sap::cli
