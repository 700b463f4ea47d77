// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/files.h"
#include "sap/train/run_dir.h"

namespace sap::train {

// One cell of a campaign: folds x initialisations x seeds.
struct CampaignCell {
  std::string init;  // "random", "ssl", "sap"
  uint64_t seed = 0;
  int fold = 0;

  // "sap_seed42": what shares one method over all folds; the run folder is <method>/fold_<k>.
  std::string Method() const;
  std::string Name() const;  // "sap_seed42/fold_1"
};

// In order: seeds outermost, folds innermost, so that a whole method is done early.
std::vector<CampaignCell> CampaignCells(const std::vector<int>& folds,
                                        const std::vector<std::string>& inits,
                                        const std::vector<uint64_t>& seeds);

enum class CellState { kMissing, kStarted, kTrained, kPredicted };

struct CellStatus {
  CampaignCell cell;
  CellState state = CellState::kMissing;
  int64_t step = 0;  // of the newest line of metrics.jsonl
  int64_t epoch = 0;
  double loss = 0;
  std::optional<double> score;
};

// What a run's folder says; `predicted_marker` is the file that the prediction step leaves.
CellStatus ReadCellStatus(const CampaignCell& cell,
                          const RunFiles& files,
                          const fs::path& predicted_marker);

std::string StateWord(CellState state);

}  // namespace sap::train
