// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/train_config.h"
#include "sap/eval/lesion_match.h"
#include "sap/infer/predictor.h"
#include "sap/train/campaign.h"

namespace sap::cli {

// A campaign: one training config, repeated over folds, initialisations and seeds.
struct CampaignConfig {
  std::string name = "campaign";
  std::string output_dir = "runs";
  std::vector<int> folds;
  std::vector<transfer::InitMode> inits = {transfer::InitMode::kRandom, transfer::InitMode::kSap};
  std::vector<uint64_t> seeds = {42};
  std::string sap_weights;
  std::string ssl_weights;
  TrainConfig train;
  infer::CaseOptions predict;
  eval::MatchOptions evaluate;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("name", name).Help("the campaign's folder under output_dir");
    v.Field("output_dir", output_dir).Help("folder of all runs");
    v.Field("folds", folds).Help("folds to run; [] = all of them");
    v.Field("inits", inits).Help("initialisations to compare: random, ssl, sap");
    v.Field("seeds", seeds).Help("seeds of weights and patches, one run each");
    v.Field("sap_weights", sap_weights).Help("skeleton weights for init sap");
    v.Field("ssl_weights", ssl_weights).Help("self-supervised weights for init ssl");
    v.Group("train", train);
    v.Group("predict", predict);
    v.Group("evaluate", evaluate);
  }
};

// Checks the whole campaign before any run starts; fills names and what sections share.
void FinishCampaignConfig(CampaignConfig& config);

std::vector<train::CampaignCell> CellsOf(const CampaignConfig& config);
TrainConfig TrainConfigOf(const CampaignConfig& config, const train::CampaignCell& cell);
fs::path CampaignFolder(const CampaignConfig& config);
fs::path PredictedMarker(const train::RunFiles& files);

}  // namespace sap::cli
