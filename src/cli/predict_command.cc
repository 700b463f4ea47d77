// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <iostream>
#include <memory>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "cli/model_from_weights.h"
#include "cli/own_files.h"
#include "cli/predict_features.h"
#include "cli/predict_options.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"
#include "sap/core/provenance.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

using nlohmann::json;

constexpr const char* kLabelsFile = "prediction.nii.gz";
constexpr const char* kProbabilityFile = "probability.nii.gz";
constexpr const char* kItkSnapFile = "prediction.label";
constexpr const char* kSlicerFile = "prediction.ctbl";
constexpr const char* kRecordFile = "prediction.json";

// The models of one ensemble. One stays loaded; several are read in turn, so that only one is in
// memory at a time.
class Models {
 public:
  explicit Models(const PredictOptions& options)
      : options_(options), device_(DeviceFromName(options.device)) {
    for (const std::string& path : options.weights) {
      cards_.push_back(ReadModelCard(path));
      for (const std::string& note : cards_.back().notes) log::Info("{}", note);
      RequireNetwork(cards_.back(),
                     {options.in_channels, options.out_channels, options.feature_size});
      RequireNetwork(
          cards_.back(),
          {.in_channels = card().network.in_channels, .out_channels = card().network.out_channels});
    }
  }

  const ModelCard& card() const { return cards_[0]; }  // what an ensemble's models agree on
  std::size_t size() const { return cards_.size(); }

  infer::Predictor Get(std::size_t model_idx) {
    if (size() > 1 || !loaded_) {
      loaded_ = LoadPredictor(
          options_.weights[model_idx], cards_[model_idx], device_, options_.precision);
    }
    return loaded_;
  }

  json Record() const {
    json record = json::array();
    for (const ModelCard& one : cards_) {
      record.push_back({{"file", one.file},
                        {"sha256", one.sha256},
                        {"patch_merging", EnumName(one.network.patch_merging)},
                        {"feature_size", one.network.feature_size}});
    }
    return record;
  }

 private:
  const PredictOptions& options_;
  c10::Device device_;
  std::vector<ModelCard> cards_;
  infer::Predictor loaded_;
};

json CaseRecord(const infer::CaseImage& image,
                const infer::CasePrediction& prediction,
                const PredictOptions& options,
                const Models& models,
                double seconds) {
  const infer::CaseOptions& o = options.per_case;
  const XyzInt& window = o.windows.window_vox;
  return {
      {"case", image.id},
      {"weights", models.Record()},
      {"options",
       {{"roi_size", {window.x, window.y, window.z}},
        {"overlap", o.windows.overlap_frac},
        {"blend", EnumName(o.windows.blend)},
        {"clip", o.clip},
        {"exact", o.exact},
        {"prob_class", o.prob_class},
        {"majority_vote", o.majority_vote},
        {"probability_format", EnumName(options.probability_format)},
        {"precision", EnumName(options.precision)}}},
      {"absent", options.absent},
      {"outside_body", o.exact ? "as the network says" : "background by definition"},
      {"windows", {{"evaluated", prediction.windows.evaluated}, {"all", prediction.windows.all}}},
      {"seconds", seconds},
      {"provenance", ProvenanceWithThreads()}};
}

void WriteCase(const fs::path& folder,
               const infer::CasePrediction& prediction,
               const PredictOptions& options,
               const data::LabelTable& labels,
               const json& record) {
  WriteFolderAtomically(folder, /*replace=*/true, [&](const fs::path& temporary) {
    WriteVolume(temporary / kLabelsFile, prediction.labels);
    if (options.save_probs) {
      const bool quantised = options.probability_format == ProbabilityFormat::kQuantised;
      const Tensor& exact_XYZ = prediction.probability.data();
      const Tensor written_XYZ = quantised ? (exact_XYZ * 255.0).round_().div_(255.0) : exact_XYZ;
      WriteVolume(temporary / kProbabilityFile, prediction.probability.WithData(written_XYZ));
    }
    WriteFileAtomically(temporary / kItkSnapFile, data::ItkSnapLabels(labels));
    WriteFileAtomically(temporary / kSlicerFile, data::SlicerColors(labels));
    WriteFileAtomically(temporary / kRecordFile, record.dump(2) + "\n");
  });
}

bool IsSkipped(const infer::CaseFiles& files, const PredictOptions& options) {
  return options.skip_existing && fs::exists(fs::path(options.output_dir) / files.id);
}

// All of them before any work: what output_dir holds may be the input itself.
void RequireOwnCases(const std::vector<infer::CaseFiles>& cases, const PredictOptions& options) {
  std::vector<std::string> faults;
  for (const infer::CaseFiles& files : cases) {
    if (IsSkipped(files, options)) continue;
    try {
      RequireOwnFiles(fs::path(options.output_dir) / files.id,
                      files.id,
                      kRecordFile,
                      {kLabelsFile, kProbabilityFile, kItkSnapFile, kSlicerFile, kRecordFile});
    } catch (const Error& error) {
      faults.emplace_back(error.what());
    }
  }
  SAP_REQUIRE(ErrorKind::kIo, faults.empty(), "{}", fmt::join(faults, "\n"));
}

json PredictOne(const infer::CaseFiles& files, const PredictOptions& options, Models& models) {
  const auto start = std::chrono::steady_clock::now();
  const infer::CaseImage image = infer::ReadCase(files, models.card().grid, options.per_case);
  const infer::WindowNumbers numbers =
      infer::CountWindows(image.model_grid.size_vox, options.per_case.windows, image.body_mask_XYZ);
  Progress progress(files.id, numbers.evaluated * static_cast<int64_t>(models.size()));
  int64_t shown = 0;
  const infer::CasePrediction prediction = infer::PredictCase(
      image,
      models.size(),
      [&](std::size_t m) { return models.Get(m); },
      options.per_case,
      [&](int64_t done, int64_t /*total*/) {
        progress.Advance(done > shown ? done - shown : done);
        shown = done;
      });
  progress.Finish();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  json record = CaseRecord(image, prediction, options, models, seconds.count());
  WriteCase(
      fs::path(options.output_dir) / files.id, prediction, options, models.card().labels, record);
  record["lesion_voxels"] = (prediction.labels.data() > 0).sum().item<int64_t>();
  return record;
}

// A failed case does not stop the others; together they decide the end.
json PredictAll(const std::vector<infer::CaseFiles>& cases,
                const PredictOptions& options,
                Models& models) {
  json done = json::array();
  std::vector<std::string> failures;
  ErrorKind kind = ErrorKind::kInput;
  for (const infer::CaseFiles& files : cases) {
    if (IsSkipped(files, options)) {
      log::Info("{}: left as it is", files.id);
      continue;
    }
    try {
      done.push_back(PredictOne(files, options, models));
      const json& windows = done.back().at("windows");
      log::Info("{}: {} of {} windows, {:.1f} s",
                files.id,
                windows.at("evaluated").get<int64_t>(),
                windows.at("all").get<int64_t>(),
                done.back().at("seconds").get<double>());
    } catch (const Error& error) {
      if (failures.empty()) kind = error.kind();
      log::Warning("{}: failed: {}", files.id, error.what());
      failures.emplace_back(error.what());
    }
  }
  SAP_REQUIRE(kind,
              failures.empty(),
              "{} of {} cases failed:\n{}",
              failures.size(),
              cases.size(),
              fmt::join(failures, "\n"));
  return done;
}

int RunFeatures(const PredictOptions& options, bool roi_given, const AppContext& context) {
  const json done = PredictFeatures(options, roi_given, context.dry_run);
  if (context.json) {
    std::cout << done.dump(2) << "\n";
  } else if (!context.quiet) {
    std::cout << fmt::format("{} vectors of {} numbers {} {}\n",
                             done.at("patches").get<int64_t>(),
                             done.at("features").get<int64_t>(),
                             context.dry_run ? "would go into" : "in",
                             done.at("folder").get<std::string>());
  }
  return 0;
}

int Predict(PredictOptions& options, bool roi_given, const AppContext& context) {
  SAP_REQUIRE(ErrorKind::kOption, !options.weights.empty(), "weights: [] names no file");
  if (options.features) return RunFeatures(options, roi_given, context);
  Models models(options);
  if (!roi_given && models.card().roi_size_vox) {
    options.per_case.windows.window_vox = *models.card().roi_size_vox;
  }
  SAP_REQUIRE(ErrorKind::kOption,
              options.per_case.prob_class < models.card().network.out_channels,
              "prob_class: {} is not a class of {}, which has 0 to {}",
              options.per_case.prob_class,
              models.card().file,
              models.card().network.out_channels - 1);
  const std::vector<infer::CaseFiles> cases = infer::FindCases(
      options.input_dir, ModalitiesOf(options, models.card()), options.case_list, options.absent);
  RequireOwnCases(cases, options);
  if (context.dry_run) {
    std::cout << fmt::format("{} cases, {} model(s), windows of {} voxels\n",
                             cases.size(),
                             models.size(),
                             options.per_case.windows.window_vox);
    for (const infer::CaseFiles& files : cases) {
      const Geometry grid = ReadGeometry(files.images[0]);
      std::cout << fmt::format("{}: {} voxels, {} windows at most\n",
                               files.id,
                               grid.size_vox,
                               infer::CountWindows(grid.size_vox, options.per_case.windows).all);
    }
    return 0;
  }
  CreateFolder(options.output_dir);
  const json done = PredictAll(cases, options, models);
  if (context.json) {
    std::cout << done.dump(2) << "\n";
  } else if (!context.quiet) {
    std::cout << fmt::format("{} cases predicted\n", done.size());
  }
  return 0;
}

}  // namespace

int PredictMain(int argc, char** argv) {
  PredictOptions options;
  OptionTable table(options);
  table.Alias("infer_overlap", "overlap");
  bool roi_given = false;
  const AppInfo info = {
      .name = "sap-predict",
      .summary = "Predicts label and probability maps of case folders with trained weights.",
      .example =
          "sap-predict --set input_dir=cohort --set output_dir=predictions "
          "--set weights=runs/lesion/fold_0/model_best.safetensors\n"
          "sap-predict --config infer_config.json --set clip=false",
      .config_name = "predict.yaml"};
  return RunApp(
      argc,
      argv,
      info,
      table,
      [&](const AppContext& context) { return Predict(options, roi_given, context); },
      [&](ConfigNode& config) {
        std::vector<std::string> notices = TranslatePredictConfig(config);
        roi_given = config.Find("roi_size") != nullptr;
        return notices;
      });
}

}  // namespace sap::cli
