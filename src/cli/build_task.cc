// SPDX-License-Identifier: Apache-2.0
#include "cli/build_task.h"

#include <algorithm>
#include <set>

#include <ATen/Context.h>
#include <nlohmann/json.hpp>

#include "cli/train_run.h"
#include "sap/core/error.h"
#include "sap/core/provenance.h"
#include "sap/nn/param_groups.h"
#include "sap/nn/weights_io.h"
#include "sap/ssl/ssl_task.h"
#include "sap/transfer/init_strategy.h"

namespace sap::cli {
namespace {

using nlohmann::json;

// Transferred weights train at the paper's two rates, random ones at one (swin_unetr §5).
std::vector<train::RateGroup> RateGroups(const TrainConfig& config,
                                         const torch::nn::Module& model) {
  const transfer::InitMode mode = config.init.mode;
  const bool transferred = mode != transfer::InitMode::kRandom && config.task != TaskKind::kSsl;
  std::vector<nn::ParamGroup> parameter_groups =
      transferred ? nn::EncoderDecoderGroups(model) : nn::SingleGroup(model);
  if (config.head_lr) parameter_groups = nn::SplitOffHead(std::move(parameter_groups));
  std::vector<train::RateGroup> groups;
  for (nn::ParamGroup& group : parameter_groups) {
    train::RateGroup rates{.name = group.name, .base_lr = config.lr};
    if (group.name == "encoder") {
      rates.base_lr = config.encoder_lr.value_or(mode == transfer::InitMode::kSap ? 2e-6 : 5e-6);
    }
    if (group.name == "decoder") rates.base_lr = config.decoder_lr.value_or(1e-5);
    if (group.name == "head") rates.base_lr = *config.head_lr;
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      rates.parameters.emplace_back(group.parameter_names[i], group.parameters[i]);
    }
    groups.push_back(std::move(rates));
  }
  return groups;
}

// Subjects whose scans decided the weights: those trained on, those that chose the best epoch, and
// those of the pretraining.
json SubjectsSeen(const PreparedRun& run, const transfer::LoadReport& weights) {
  std::set<std::string> subjects(weights.seen_subjects.begin(), weights.seen_subjects.end());
  for (const auto* cases : {&run.cases.train, &run.cases.validation}) {
    for (const std::size_t i : *cases) subjects.insert(run.cohort.cases[i].subject);
  }
  return subjects;
}

// What prediction, transfer and a reader need to know, in the weights file itself.
train::WeightsMetadata Metadata(const TrainConfig& config,
                                const nn::SwinUnetrOptions& model,
                                const PreparedRun& run,
                                const transfer::LoadReport& weights) {
  json spacing;
  if (config.data.spacing_mm) {
    spacing = {config.data.spacing_mm->x, config.data.spacing_mm->y, config.data.spacing_mm->z};
  }
  const XyzInt& roi = config.roi_size;
  train::WeightsMetadata metadata = transfer::NetworkMetadata(model);
  metadata.merge(train::WeightsMetadata{
      {nn::weights_key::kTask, EnumName(config.task)},
      {nn::weights_key::kModalities, json(config.data.modalities).dump()},
      {nn::weights_key::kNormalization, "p1-p99 clipped to 0..1"},
      {nn::weights_key::kOrientation, EnumName(config.data.orientation)},
      {nn::weights_key::kSpacingMm, spacing.dump()},
      {nn::weights_key::kRoiSize, json({roi.x, roi.y, roi.z}).dump()},
      {nn::weights_key::kSubjects, SubjectsSeen(run, weights).dump()},
      {"sap.version", Provenance()["sap_version"].get<std::string>()},
  });
  return metadata;
}

// A model that has seen a test subject, with or without labels, cannot be tested on it.
void RefuseLeak(const TrainConfig& config,
                const PreparedRun& run,
                const transfer::LoadReport& weights) {
  if (!run.split || config.init.allow_seen_subjects) return;
  std::set<std::string> leaked;
  for (const std::size_t i : data::CasesOfFold(*run.split, run.cohort, *config.fold).test) {
    const std::string& subject = run.cohort.cases[i].subject;
    if (std::ranges::count(weights.seen_subjects, subject) > 0) leaked.insert(subject);
  }
  SAP_REQUIRE(
      ErrorKind::kInput,
      leaked.empty(),
      "init.path: {} was pretrained on {} subjects of fold {}, which this run is tested on: "
      "{}; pretrain without them, or, if they are other people by the same names, set "
      "init.allow_seen_subjects=true",
      weights.source,
      leaked.size(),
      *config.fold,
      fmt::join(leaked, ", "));
}

void SeedWeights(uint64_t seed) {
  auto generator = at::globalContext().defaultGenerator(c10::kCPU);
  generator.set_current_seed(seed);
}

BuiltTask BuildSegmentation(const TrainConfig& config,
                            const PreparedRun& run,
                            const c10::Device& device) {
  nn::SwinUnetrOptions options = config.model;
  options.in_channels = run.store->NumChannels();
  options.out_channels = run.store->labels().NumClasses();
  nn::SwinUnetr model(options);
  BuiltTask built;
  built.weights = transfer::ApplyInit(*model, config.init);
  RefuseLeak(config, run, built.weights);
  built.groups = RateGroups(config, *model);
  json labels = json::object();
  for (const auto& label : run.store->labels().classes) labels[label.name] = label.class_idx;
  built.metadata = Metadata(config, options, run, built.weights);
  built.metadata[nn::weights_key::kLabels] = labels.dump();
  built.task = std::make_unique<train::SegmentationTask>(
      model, run.store, run.cases, config.segmentation, device);
  return built;
}

BuiltTask BuildSsl(const TrainConfig& config, const PreparedRun& run, const c10::Device& device) {
  ssl::SslNetOptions options{.reconstruction = config.ssl.reconstruction, .encoder = config.model};
  options.encoder.in_channels = run.store->NumChannels();
  ssl::SslNet model(options);
  ssl::SslOptions task = config.ssl.task;
  task.picture_dir = (RunFilesOf(config).root / "views").string();
  BuiltTask built;
  built.weights = transfer::ApplyInit(*model, config.init);
  built.groups = RateGroups(config, *model);
  built.metadata = Metadata(config, options.encoder, run, built.weights);
  built.metadata.erase(nn::weights_key::kOutChannels);  // there is no segmentation head
  built.task = std::make_unique<ssl::SslTask>(model, run.store, run.cases, task, device);
  return built;
}

}  // namespace

BuiltTask BuildTask(const TrainConfig& config, const PreparedRun& run, const c10::Device& device) {
  SeedWeights(config.segmentation.seed);
  return config.task == TaskKind::kSsl ? BuildSsl(config, run, device)
                                       : BuildSegmentation(config, run, device);
}

}  // namespace sap::cli
