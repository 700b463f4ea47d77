// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_case.h"

#include <chrono>
#include <functional>

#include <nlohmann/json.hpp>

#include "cli/own_files.h"
#include "cli/preprocess_input.h"
#include "cli/preprocess_qc.h"
#include "cli/preprocess_stages.h"
#include "cli/preprocess_standardise.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/parallel.h"
#include "sap/core/provenance.h"
#include "sap/image/volume_io.h"
#include "sap/train/fault_hook.h"

namespace sap::cli {
namespace {

using nlohmann::json;

// Raised when a step's mathematics or what case.json holds changes, so that older cases are made
// again.
constexpr int kMethodVersion = 4;

constexpr const char* kStagesFolder = ".stages";

// With kPreprocessRecord all that a case folder may hold.
constexpr const char* kT1File = "T1.nii.gz";
constexpr const char* kB1000File = "b1000.nii.gz";
constexpr const char* kBodyFile = "body.nii.gz";
constexpr const char* kAdcFile = "ADC_um2_per_s.nii.gz";
constexpr const char* kQcFile = "qc.png";

// Compression takes one thread, so the images are written side by side.
void WriteImages(const fs::path& folder, const preprocess::CaseVolumes& volumes) {
  std::vector<std::pair<std::string, const Volume*>> images = {
      {kT1File, &volumes.t1}, {kB1000File, &volumes.b1000}, {kBodyFile, &volumes.body}};
  if (volumes.adc) images.emplace_back(kAdcFile, &*volumes.adc);
  ParallelFor(std::ssize(images), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto& [name, volume] = images[static_cast<std::size_t>(i)];
      WriteVolume(folder / name, *volume);
      if (i == 0) train::fault::Reach("images");
    }
  });
}

double SecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Everything that shapes voxels.
json OptionsRecord(PreprocessOptions options) {
  json record = {{"min_slices", options.min_slices}, {"philips_precise", options.philips_precise}};
  const OptionTable table(options.pipeline);
  for (const OptionField& field : table.fields()) record[field.key] = field.print();
  return record;
}

// sha256 of each image of a case folder, by file name.
json ImageHashes(const fs::path& folder) {
  json hashes = json::object();
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".nii.gz")) hashes[name] = Sha256OfFile(entry.path());
  }
  return hashes;
}

}  // namespace

std::string CaseKey(const std::string& input_sha256, PreprocessOptions options) {
  options.pipeline.keep_intermediates = false;
  return Sha256OfBytes(json({{"input", input_sha256},
                             {"options", OptionsRecord(options)},
                             {"method", kMethodVersion}})
                           .dump());
}

std::optional<json> FinishedRecord(const fs::path& folder, const std::string& key) {
  if (!fs::exists(folder / kPreprocessRecord)) return std::nullopt;
  const json record =
      json::parse(ReadFile(folder / kPreprocessRecord), nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || record.value("key", "") != key) return std::nullopt;
  // Other files, such as lesions drawn on the images, are nobody's business here.
  const json expected = record.value("files_sha256", json::object());
  for (const auto& [name, sha256] : expected.items()) {
    if (!fs::exists(folder / name) || sha256 != Sha256OfFile(folder / name)) return std::nullopt;
  }
  return record;
}

void RequireOwnCase(const Patient& patient, const PreprocessOptions& options) {
  RequireOwnFiles(fs::path(options.output_dir) / patient.case_id,
                  patient.case_id,
                  kPreprocessRecord,
                  {kT1File, kB1000File, kBodyFile, kAdcFile, kQcFile, kPreprocessRecord});
}

json PreprocessOne(const Patient& patient,
                   const std::string& input_sha256,
                   const std::string& key,
                   const PreprocessOptions& options) {
  const std::string& case_id = patient.case_id;
  RequireOwnCase(patient, options);
  const fs::path stages = fs::path(options.output_dir) / kStagesFolder / case_id;
  const json made_by = {{"input_sha256", input_sha256}, {"options", OptionsRecord(options)}};
  preprocess::StationSet input;
  double read_s = 0;
  if (options.from) {
    input.case_id = case_id;
    RequireStagesFit(stages, *options.from, made_by, case_id);
  } else {
    read_s = SecondsOf([&] { input = ReadPatient(patient, options); });
  }
  preprocess::RunPlan plan;
  plan.from = options.from;
  plan.stages = stages;
  if (options.pipeline.keep_intermediates) BeginStages(stages, options.from, made_by);
  plan.on_step = [&](preprocess::Step step) {
    log::Debug("{}: {}", case_id, EnumName(step));
    train::fault::Reach(std::string(EnumName(step)));
  };
  json record = {{"case", case_id},
                 {"subject", case_id},
                 {"key", key},
                 {"input_sha256", input_sha256},
                 {"method_version", kMethodVersion},
                 {"options", OptionsRecord(options)},
                 {"provenance", ProvenanceWithThreads()}};
  const preprocess::CaseResult result =
      preprocess::RunCase(std::move(input), options.pipeline, plan, record);
  json seconds = record.at("seconds");
  record.erase("seconds");
  seconds["read"] = read_s;
  record["nyul"] = NativeLandmarks(result.volumes, options.pipeline.nyul);
  const fs::path folder = fs::path(options.output_dir) / case_id;
  WriteFolderAtomically(folder, /*replace=*/true, [&](const fs::path& temporary) {
    log::Debug("{}: write", case_id);
    seconds["write"] = SecondsOf([&] { WriteImages(temporary, result.volumes); });
    if (options.qc) WriteQcPng(temporary / kQcFile, result.volumes);
    record["files_sha256"] = ImageHashes(temporary);
    train::fault::Reach("record");
    WriteFileAtomically(temporary / kPreprocessRecord, record.dump(2) + "\n");
    train::fault::Reach("folder");
  });
  AppendLine(fs::path(options.output_dir) / "preprocess_times.jsonl",
             json({{"case", case_id}, {"seconds", seconds}}).dump());
  for (const std::string& notice : result.notices) log::Warning("{}: {}", case_id, notice);
  return record;
}

}  // namespace sap::cli
