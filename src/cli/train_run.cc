// SPDX-License-Identifier: Apache-2.0
#include "cli/train_run.h"

#include <algorithm>

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <nlohmann/json.hpp>

#include "cli/model_from_weights.h"
#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/parallel.h"
#include "sap/core/provenance.h"
#include "sap/nn/param_groups.h"
#include "sap/nn/weights_io.h"

namespace sap::cli {
namespace {

using nlohmann::json;

std::vector<std::size_t> CasesNamed(const data::Cohort& cohort,
                                    const std::vector<std::string>& ids,
                                    const char* option) {
  std::vector<std::size_t> found;
  std::vector<std::string> missing;
  for (const std::string& id : ids) {
    const auto position = cohort.Find(id);
    position ? found.push_back(*position) : missing.push_back(id);
  }
  SAP_REQUIRE(ErrorKind::kOption,
              missing.empty(),
              "{}: not in the cohort: {}; its cases are the folder names",
              option,
              fmt::join(missing, ", "));
  return found;
}

std::vector<std::size_t> AllCases(const data::Cohort& cohort,
                                  const std::vector<std::size_t>& without) {
  std::vector<std::size_t> cases;
  for (std::size_t i = 0; i < cohort.cases.size(); ++i) {
    if (std::find(without.begin(), without.end(), i) == without.end()) cases.push_back(i);
  }
  return cases;
}

// Cases of `extra` join the cohort; returns where they stand.
std::vector<std::size_t> AppendCohort(const data::Cohort& extra, data::Cohort& cohort) {
  std::vector<std::size_t> added;
  for (const data::CaseRecord& record : extra.cases) {
    SAP_REQUIRE(ErrorKind::kInput,
                !cohort.Find(record.id),
                "{}: is in data.path and in val_path; a case is trained on or validated on",
                record.id);
    added.push_back(cohort.cases.size() + added.size());
  }
  cohort.cases.insert(cohort.cases.end(), extra.cases.begin(), extra.cases.end());
  return added;
}

// Explicit ids, or a fold, or everything. With a fold, validation looks at the tuning fold, or at
// the held-out fold where the split has none (or where the tuning fold itself is held out).
train::CaseSets ChooseCases(const TrainConfig& config, const PreparedRun& run) {
  train::CaseSets sets;
  sets.validation = run.cases.validation;  // of val_path
  for (const std::size_t i : CasesNamed(run.cohort, config.val_cases, "val_cases")) {
    sets.validation.push_back(i);
  }
  if (!config.train_cases.empty()) {
    sets.train = CasesNamed(run.cohort, config.train_cases, "train_cases");
    for (const std::size_t i : sets.train) {
      SAP_REQUIRE(
          ErrorKind::kOption,
          std::find(sets.validation.begin(), sets.validation.end(), i) == sets.validation.end(),
          "{}: is in train_cases and in val_cases; keep it in one",
          run.cohort.cases[i].id);
    }
  } else if (run.split) {
    data::FoldCases fold = data::CasesOfFold(*run.split, run.cohort, *config.fold);
    const auto tuning = run.split->tuning_fold;
    const bool watch_tuning = tuning && *tuning != *config.fold;
    if (sets.validation.empty()) {
      sets.validation =
          watch_tuning ? data::CasesOfFold(*run.split, run.cohort, *tuning).test : fold.test;
    }
    sets.train = std::move(fold.train);
    if (watch_tuning && !config.train_on_tuning_fold) {
      std::erase_if(sets.train, [&](std::size_t i) {
        return std::find(sets.validation.begin(), sets.validation.end(), i) !=
               sets.validation.end();
      });
    }
  } else {
    sets.train = AllCases(run.cohort, sets.validation);
  }
  return sets;
}

nn::SwinUnetrOptions ModelOptions(const TrainConfig& config, const PreparedRun& run) {
  nn::SwinUnetrOptions model = config.model;
  model.in_channels = run.store->NumChannels();
  model.out_channels = run.store->labels().NumClasses();
  return model;
}

// Random weights train as one group; transferred ones at the paper's two rates (swin_unetr §5).
std::vector<train::RateGroup> RateGroups(const TrainConfig& config, nn::SwinUnetr& model) {
  const bool transferred = config.init.mode != transfer::InitMode::kRandom;
  const bool split_rates = transferred || config.encoder_lr || config.decoder_lr;
  const double default_encoder_lr = config.init.mode == transfer::InitMode::kSap   ? 2e-6
                                    : config.init.mode == transfer::InitMode::kSsl ? 5e-6
                                                                                   : config.lr;
  const double default_decoder_lr = transferred ? 1e-5 : config.lr;
  std::vector<nn::ParamGroup> parameter_groups =
      split_rates ? nn::EncoderDecoderGroups(*model) : nn::SingleGroup(*model);
  if (config.head_lr) parameter_groups = nn::SplitOffHead(std::move(parameter_groups));
  std::vector<train::RateGroup> groups;
  for (nn::ParamGroup& group : parameter_groups) {
    train::RateGroup rates{.name = group.name, .base_lr = config.lr};
    if (group.name == "encoder") rates.base_lr = config.encoder_lr.value_or(default_encoder_lr);
    if (group.name == "decoder") rates.base_lr = config.decoder_lr.value_or(default_decoder_lr);
    if (group.name == "head") rates.base_lr = *config.head_lr;
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      rates.parameters.emplace_back(group.parameter_names[i], group.parameters[i]);
    }
    groups.push_back(std::move(rates));
  }
  return groups;
}

// What prediction needs to know, in the weights file itself.
train::WeightsMetadata Metadata(const TrainConfig& config,
                                const nn::SwinUnetrOptions& model,
                                const PreparedRun& run) {
  json labels = json::object();
  for (const auto& label : run.store->labels().classes) labels[label.name] = label.class_idx;
  const auto& roi = config.roi_size;
  json spacing;
  if (config.data.spacing_mm) {
    spacing = {config.data.spacing_mm->x, config.data.spacing_mm->y, config.data.spacing_mm->z};
  }
  train::WeightsMetadata metadata = transfer::NetworkMetadata(model);
  metadata.merge(train::WeightsMetadata{
      {nn::weights_key::kTask, EnumName(config.task)},
      {nn::weights_key::kLabels, labels.dump()},
      {nn::weights_key::kModalities, json(config.data.modalities).dump()},
      {nn::weights_key::kNormalization, "p1-p99 clipped to 0..1"},
      {nn::weights_key::kOrientation, EnumName(config.data.orientation)},
      {nn::weights_key::kSpacingMm, spacing.dump()},
      {nn::weights_key::kRoiSize, json({roi.x, roi.y, roi.z}).dump()},
      {"sap.version", Provenance()["sap_version"].get<std::string>()},
  });
  return metadata;
}

json Manifest(const PreparedRun& run, const std::string& run_hash) {
  const auto ids = [&](const std::vector<std::size_t>& idxs) {
    std::vector<std::string> names;
    for (const std::size_t i : idxs) names.push_back(run.cohort.cases[i].id);
    return names;
  };
  json manifest = {{"provenance", Provenance()},
                   {"run_hash", run_hash},
                   {"store_hash", run.store->Hash()},
                   {"train_cases", ids(run.cases.train)},
                   {"validation_cases", ids(run.cases.validation)}};
  if (run.split) {
    manifest["split_hash"] = run.split->Hash();
    manifest["split"] = run.split->folds;
  }
  return manifest;
}

nn::SwinUnetr BuildModel(const TrainConfig& config, const nn::SwinUnetrOptions& options) {
  auto generator = at::globalContext().defaultGenerator(c10::kCPU);
  generator.set_current_seed(config.segmentation.seed);
  return nn::SwinUnetr(options);
}

}  // namespace

train::RunFiles RunFilesOf(const TrainConfig& config) {
  fs::path root = fs::path(config.output_dir) / config.name;
  if (config.fold) root /= fmt::format("fold_{}", *config.fold);
  return {root};
}

PreparedRun PrepareRun(const TrainConfig& config) {
  PreparedRun run;
  run.cohort = data::LoadCohort(config.data);
  if (!config.val_path.empty()) {
    data::CohortOptions extra = config.data;
    extra.path = config.val_path;
    run.cases.validation = AppendCohort(data::LoadCohort(extra), run.cohort);
  }
  run.store = data::OpenOrBuildStore(run.cohort, config.store);
  if (config.fold) {
    run.burden = data::MeasureBurden(*run.store);
    run.split = data::MakeSplit(config.split, run.cohort, run.burden);
    for (const std::string& warning : run.split->warnings) log::Warning("split: {}", warning);
  }
  run.cases = ChooseCases(config, run);
  return run;
}

train::TrainOutcome RunTraining(const TrainConfig& config) {
  SetNumThreads(config.num_threads);
  const c10::Device device = DeviceFromName(EnumName(config.device));
  const train::RunFiles files = RunFilesOf(config);
  train::RunDir run_dir(files.root, RunIdentity(config), config.resume);
  if (run_dir.status() == train::RunDir::Status::kFinished) {
    log::Info("{}: finished already; nothing to do", files.root.string());
    return train::TrainOutcome::kFinished;
  }
  const log::FileScope log_file(files.Log());
  const PreparedRun run = PrepareRun(config);
  const std::string run_hash =
      Sha256OfBytes(RunIdentity(config) + run.store->Hash() + (run.split ? run.split->Hash() : ""));
  const nn::SwinUnetrOptions model_options = ModelOptions(config, run);
  nn::SwinUnetr model = BuildModel(config, model_options);
  const transfer::LoadReport report = transfer::ApplyInit(*model, config.init);
  log::Info("{}", report.Summary());
  for (const std::string& note : report.notes) log::Info("weights: {}", note);
  log::Debug("{}", report.Text());
  WriteFileAtomically(files.Ledger(), report.Json().dump(2) + "\n");
  run_dir.WriteManifest(Manifest(run, run_hash));
  train::SegmentationTask task(model, run.store, run.cases, config.segmentation, device);
  train::Optimizer optimizer(RateGroups(config, model), config.trainer.optimizer);
  log::Info("{}: {} cases to train on, {} to validate on, {} steps an epoch",
            config.name,
            run.cases.train.size(),
            run.cases.validation.size(),
            task.StepsPerEpoch());
  train::Trainer trainer(
      task, optimizer, run_dir, config.trainer, Metadata(config, model_options, run), run_hash);
  return trainer.Run();
}

std::string DescribeRun(const TrainConfig& config) {
  SetNumThreads(config.num_threads);
  const PreparedRun run = PrepareRun(config);
  const nn::SwinUnetrOptions model_options = ModelOptions(config, run);
  nn::SwinUnetr model = BuildModel(config, model_options);
  const transfer::LoadReport report = transfer::ApplyInit(*model, config.init);
  int64_t num_parameters = 0;
  for (const auto& parameter : model->parameters()) num_parameters += parameter.numel();
  train::SegmentationTask task(
      model, run.store, run.cases, config.segmentation, DeviceFromName(EnumName(config.device)));
  std::string text;
  if (run.split) text += data::BalanceTable(*run.split, run.burden).Markdown() + "\n";
  text += fmt::format(
      "{} cases: {} to train on, {} to validate on\n{} parameters; {} steps an epoch, {} epochs\n"
      "weights: {}\nwould write {}\n",
      run.cohort.cases.size(),
      run.cases.train.size(),
      run.cases.validation.size(),
      num_parameters,
      task.StepsPerEpoch(),
      config.trainer.max_epochs,
      report.Text(),
      RunFilesOf(config).root.string());
  return text;
}

}  // namespace sap::cli
