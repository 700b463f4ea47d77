// SPDX-License-Identifier: Apache-2.0
#include "cli/campaign_config.h"

#include <numeric>

#include "cli/train_run.h"
#include "sap/core/error.h"

namespace sap::cli {
namespace {

const std::string& WeightsOf(const CampaignConfig& config, transfer::InitMode mode) {
  static const std::string kNone;
  return mode == transfer::InitMode::kSap   ? config.sap_weights
         : mode == transfer::InitMode::kSsl ? config.ssl_weights
                                            : kNone;
}

}  // namespace

void FinishCampaignConfig(CampaignConfig& config) {
  SAP_REQUIRE(ErrorKind::kOption,
              config.train.task == TaskKind::kLesion,
              "train.task: a campaign trains lesion models; train the skeleton with sap-train");
  const int num_folds = config.train.split.fold_sizes.empty()
                            ? config.train.split.num_folds
                            : static_cast<int>(config.train.split.fold_sizes.size());
  if (config.folds.empty()) {
    config.folds.resize(static_cast<std::size_t>(num_folds));
    std::iota(config.folds.begin(), config.folds.end(), 0);
  }
  for (const int fold : config.folds) {
    SAP_REQUIRE(ErrorKind::kOption,
                fold >= 0 && fold < num_folds,
                "folds: {} is not a fold; there are {}, counted from 0",
                fold,
                num_folds);
  }
  for (const transfer::InitMode mode : config.inits) {
    SAP_REQUIRE(ErrorKind::kOption,
                mode == transfer::InitMode::kRandom || !WeightsOf(config, mode).empty(),
                "{0}_weights: missing; inits has {0}, which needs pretrained weights",
                EnumName(mode));
  }
  config.train.output_dir = (fs::path(config.output_dir) / config.name).string();
  config.train.name = "campaign";
  config.predict.windows.window_vox = config.train.roi_size;
  FinishTrainConfig(config.train);
}

std::vector<train::CampaignCell> CellsOf(const CampaignConfig& config) {
  std::vector<std::string> inits;
  for (const transfer::InitMode mode : config.inits) inits.push_back(EnumName(mode));
  return train::CampaignCells(config.folds, inits, config.seeds);
}

TrainConfig TrainConfigOf(const CampaignConfig& config, const train::CampaignCell& cell) {
  TrainConfig run = config.train;
  run.name = cell.Method();
  run.fold = cell.fold;
  run.segmentation.seed = cell.seed;
  run.init.mode = *EnumFromName<transfer::InitMode>(cell.init);
  run.init.path = WeightsOf(config, run.init.mode);
  return run;
}

fs::path CampaignFolder(const CampaignConfig& config) {
  return fs::path(config.output_dir) / config.name;
}

fs::path PredictedMarker(const train::RunFiles& files) {
  return files.Predictions() / "predictions.json";
}

}  // namespace sap::cli
