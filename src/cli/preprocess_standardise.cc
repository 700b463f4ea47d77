// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_standardise.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "cli/preprocess_at_once.h"
#include "cli/preprocess_case.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/parallel.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/nyul.h"
#include "sap/train/fault_hook.h"

namespace sap::cli {
namespace {

using nlohmann::json;
using preprocess::NyulMap;

// Standard landmarks by image name.
using Scale = std::map<std::string, std::vector<double>>;

// T1 and b1000 at a time, each as it was and as it becomes.
constexpr int64_t kBytesPerVox = 4 * sizeof(float);

std::string ModelName(const std::string& modality) {
  return "nyul_" + modality + ".json";
}

json ReadRecord(const PreprocessOptions& options, const std::string& case_id) {
  return json::parse(ReadFile(fs::path(options.output_dir) / case_id / kPreprocessRecord));
}

Scale FitScale(const std::vector<std::string>& cases, const PreprocessOptions& options) {
  std::map<std::string, std::vector<std::vector<double>>> landmarks;
  for (const std::string& case_id : cases) {
    const json record = ReadRecord(options, case_id);
    for (const auto& [modality, entry] : record.at("nyul").items()) {
      landmarks[modality].push_back(entry.at("landmarks").get<std::vector<double>>());
    }
  }
  Scale scale;
  for (const auto& [modality, of_cases] : landmarks) {
    scale[modality] = preprocess::FitNyul(of_cases);
  }
  return scale;
}

void WriteModels(const Scale& scale,
                 const std::vector<std::string>& cases,
                 const PreprocessOptions& options) {
  for (const auto& [modality, standard] : scale) {
    const json model = {{"percentiles", options.pipeline.nyul.percentiles},
                        {"standard", standard},
                        {"cases", cases}};
    train::fault::Reach("standardise:model");
    WriteFileAtomically(fs::path(options.output_dir) / ModelName(modality), model.dump(2) + "\n");
  }
}

// Two lists of as many numbers, the standard one rising.
bool IsModel(const json& model) {
  if (!model.is_object()) return false;
  const json percentiles = model.value("percentiles", json());
  const json standard = model.value("standard", json());
  if (!percentiles.is_array() || !standard.is_array()) return false;
  const auto is_number = [](const json& value) { return value.is_number(); };
  return percentiles.size() == standard.size() &&
         std::all_of(standard.begin(), standard.end(), is_number) &&
         std::is_sorted(standard.begin(), standard.end(), std::less_equal<>());
}

Scale ReadScale(const PreprocessOptions& options) {
  Scale scale;
  for (const std::string modality : kPreprocessImages) {
    const std::string name = ModelName(modality);
    const fs::path path = fs::path(options.scale_from) / name;
    SAP_REQUIRE(ErrorKind::kOption,
                fs::exists(path),
                "scale_from: it has no {}; give the output_dir of a run that standardised",
                name);
    const json model = json::parse(ReadFile(path), nullptr, /*allow_exceptions=*/false);
    SAP_REQUIRE(ErrorKind::kOption,
                IsModel(model),
                "scale_from: {} is not what a run that standardised writes; copy it again",
                name);
    const json percentiles = options.pipeline.nyul.percentiles;
    SAP_REQUIRE(
        ErrorKind::kOption,
        model.at("percentiles") == percentiles,
        "scale_from: {} is for the percentiles {}, nyul.percentiles are {}; make them equal",
        name,
        model.at("percentiles").dump(),
        percentiles.dump());
    scale[modality] = model.at("standard").get<std::vector<double>>();
  }
  return scale;
}

NyulMap MapOf(const json& map) {
  return {map.at("from").get<std::vector<double>>(), map.at("to").get<std::vector<double>>()};
}

// `done`, the map that the file's voxels went through already, is null for an image as made.
void RewriteImage(const fs::path& path, const json& done, const json& wanted) {
  const Volume image = ReadVolume(path);
  Tensor data_XYZ = image.data();
  if (!done.is_null()) data_XYZ = preprocess::ApplyNyul(data_XYZ, MapOf(done).Inverse());
  WriteVolume(path, image.WithData(preprocess::ApplyNyul(data_XYZ, MapOf(wanted))));
}

// The new images and the record appear one after the other; the images' hashes in the record tell a
// later run when it was stopped between them, and that case is made again. Returns how many images
// were rewritten.
int MoveToScale(const std::string& case_id, const Scale& scale, const PreprocessOptions& options) {
  const fs::path folder = fs::path(options.output_dir) / case_id;
  json record = ReadRecord(options, case_id);
  std::vector<std::pair<std::string, json>> moves;
  for (const auto& [modality, standard] : scale) {
    const json& entry = record.at("nyul").at(modality);
    const json from =
        options.pipeline.faults.nyul_identity ? json(standard) : entry.at("landmarks");
    const json wanted = {{"from", from}, {"to", standard}};
    if (entry.value("map", json()) != wanted) moves.emplace_back(modality, wanted);
  }
  if (moves.empty()) return 0;
  log::Debug("{}: standardise", case_id);
  train::fault::Reach("standardise");
  ParallelFor(std::ssize(moves), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto& [modality, wanted] = moves[static_cast<std::size_t>(i)];
      const json done = record.at("nyul").at(modality).value("map", json());
      RewriteImage(folder / (modality + ".nii.gz"), done, wanted);
      if (i == 0) train::fault::Reach("standardise:images");
    }
  });
  train::fault::Reach("standardise:record");
  for (const auto& [modality, wanted] : moves) {
    const std::string file = modality + ".nii.gz";
    record["nyul"][modality]["map"] = wanted;
    record["files_sha256"][file] = Sha256OfFile(folder / file);
  }
  WriteFileAtomically(folder / kPreprocessRecord, record.dump(2) + "\n");
  return static_cast<int>(moves.size());
}

}  // namespace

json NativeLandmarks(const preprocess::CaseVolumes& volumes,
                     const preprocess::NyulOptions& options) {
  json entries;
  for (const std::string modality : kPreprocessImages) {
    const Tensor& data_XYZ = (modality == "T1" ? volumes.t1 : volumes.b1000).data();
    SAP_REQUIRE(ErrorKind::kInput,
                data_XYZ.max().item<float>() > 0,
                "{} is 0 everywhere inside the body; look at its stations, and at mask.*",
                modality);
    entries[modality] = {{"percentiles", options.percentiles},
                         {"landmarks", preprocess::Landmarks(data_XYZ, options)}};
  }
  return entries;
}

void RequireScale(const PreprocessOptions& options) {
  if (!options.scale_from.empty()) ReadScale(options);
}

int Standardise(const std::vector<std::string>& cases, const PreprocessOptions& options) {
  const bool fitted = options.scale_from.empty();
  const Scale scale = fitted ? FitScale(cases, options) : ReadScale(options);
  std::atomic<int> num_moved{0};
  RunAtOnce(
      cases.size(),
      options.jobs,
      options.MaxRamBytes(),
      [&](std::size_t i) {
        const fs::path t1 = fs::path(options.output_dir) / cases[i] / "T1.nii.gz";
        return ReadGeometry(t1).NumVoxels() * kBytesPerVox;
      },
      [&](std::size_t i) { num_moved += MoveToScale(cases[i], scale, options); });
  if (fitted) WriteModels(scale, cases, options);
  return num_moved;
}

}  // namespace sap::cli
