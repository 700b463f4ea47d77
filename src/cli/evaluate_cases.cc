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

std::string ReferenceName(const EvaluateOptions& options) {
  return options.reference_name.value_or(options.task == EvaluateTask::kLesion ? "GT" : "skeleton");
}

std::optional<fs::path> FindReference(const EvaluateOptions& options, const std::string& id) {
  const fs::path folder = options.reference_dir;
  const auto in_folder = FindVolume(folder / id / ReferenceName(options));
  return in_folder ? in_folder : FindVolume(folder / id);
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
  std::set<std::string> ids;
  for (const std::string& id : named) {
    SAP_REQUIRE(ErrorKind::kOption,
                ids.insert(id).second,
                "{}: is named twice in cases or tuning_cases; each exam counts once",
                id);
  }
  if (!named.empty()) return ids;
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

// Files of one case that would each do; two of them leave open which is meant.
std::vector<std::string> FilesOf(const fs::path& folder,
                                 const std::string& id,
                                 const std::string& stem) {
  std::vector<std::string> files;
  for (const char* ending : kEndings) {
    for (const std::string& name : {id + "/" + stem + ending, id + ending}) {
      if (fs::is_regular_file(folder / name)) files.push_back(name);
    }
  }
  return files;
}

std::vector<std::string> Doubles(const EvaluateOptions& options,
                                 const fs::path& prediction_dir,
                                 const std::string& id) {
  std::vector<std::string> faults;
  const auto look = [&](const char* option, const fs::path& folder, const std::string& stem) {
    const std::vector<std::string> files = FilesOf(folder, id, stem);
    if (files.size() < 2) return;
    faults.push_back(fmt::format("{}: {} holds it more than once ({}); remove all but one",
                                 id,
                                 option,
                                 fmt::join(files, ", ")));
  };
  look("reference_dir", options.reference_dir, ReferenceName(options));
  const bool has_map = FindVolume(prediction_dir / id / "probability").has_value();
  look("prediction_dir", prediction_dir, has_map ? "probability" : "prediction");
  return faults;
}

std::string GridFault(const std::string& id,
                      const char* what,
                      const fs::path& path,
                      const fs::path& reference) {
  const std::string difference = ReadGeometry(path).DifferenceFrom(ReadGeometry(reference));
  if (difference.empty()) return "";
  return fmt::format(
      "{}: the {} is not on the reference's grid ({}); resample it to that grid first",
      id,
      what,
      difference);
}

// Instances as the reference, if they mark the same voxels.
Tensor InstanceLabels(const CasePair& pair, const Volume& reference) {
  if (!pair.instances) return reference.data();
  const Tensor labels_XYZ = ReadLabels(*pair.instances).data();
  const auto differ =
      at::count_nonzero(labels_XYZ.gt(0).logical_xor(reference.data().ne(0))).item<int64_t>();
  SAP_REQUIRE(ErrorKind::kInput,
              differ == 0,
              "{}: {} and {} differ in {} voxels; every lesion voxel needs an instance and no "
              "other one, so correct the files or set gt_instances to cc",
              pair.id,
              pair.instances->filename().string(),
              pair.reference.filename().string(),
              differ);
  return labels_XYZ;
}

}  // namespace

std::optional<fs::path> FindVolume(const fs::path& stem) {
  for (const char* ending : kEndings) {
    const fs::path path = stem.string() + ending;
    if (fs::is_regular_file(path)) return path;
  }
  return std::nullopt;
}

// sap-predict's case folder, probabilities first; or one file per case.
std::optional<CasePair> FindPrediction(const EvaluateOptions& options,
                                       const fs::path& folder,
                                       const std::string& id) {
  const bool lesion = options.task == EvaluateTask::kLesion;
  if (lesion) {
    if (const auto path = FindVolume(folder / id / "probability")) return CasePair{id, {}, *path};
  }
  if (const auto path = FindVolume(folder / id / "prediction"))
    return CasePair{id, {}, *path, false};
  if (const auto path = FindVolume(folder / id)) return CasePair{id, {}, *path, lesion};
  return std::nullopt;
}

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
      faults.push_back(
          fmt::format("{}: has no {} in {}; add it, or name the other cases in `cases`",
                      id,
                      pair ? "reference" : "prediction",
                      pair ? "reference_dir" : "prediction_dir"));
      continue;
    }
    pair->reference = *reference;
    pair->gt_instances = options.match.gt_instances;
    if (pair->gt_instances == eval::GtInstances::kFile) {
      pair->instances = FindVolume(fs::path(options.reference_dir) / id /
                                   (ReferenceName(options) + "_instances"));
    }
    for (std::string& fault : Doubles(options, prediction_dir, id)) {
      kind = ErrorKind::kInput;
      faults.push_back(std::move(fault));
    }
    std::string fault = GridFault(id, "prediction", pair->prediction, pair->reference);
    if (!fault.empty()) faults.push_back(fault);
    if (pair->instances) {
      fault = GridFault(id, "instance map", *pair->instances, pair->reference);
      if (!fault.empty()) faults.push_back(fault);
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
    if (const auto path = FindVolume(folder / id / name)) images.push_back(*path);
  }
  return images;
}

eval::CaseInput LoadLesionCase(const CasePair& pair) {
  const Volume reference = ReadLabels(pair.reference);
  const Volume prediction = ReadVolume(pair.prediction);
  const bool by_component = pair.gt_instances == eval::GtInstances::kComponents;
  return {.id = pair.id,
          .reference_XYZ = by_component ? reference.data() : InstanceLabels(pair, reference),
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
