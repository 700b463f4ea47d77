// SPDX-License-Identifier: Apache-2.0
#include "sap/train/campaign.h"

#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sap::train {

std::string CampaignCell::Method() const {
  return fmt::format("{}_seed{}", init, seed);
}
std::string CampaignCell::Name() const {
  return fmt::format("{}/fold_{}", Method(), fold);
}

std::vector<CampaignCell> CampaignCells(const std::vector<int>& folds,
                                        const std::vector<std::string>& inits,
                                        const std::vector<uint64_t>& seeds) {
  std::vector<CampaignCell> cells;
  for (const uint64_t seed : seeds) {
    for (const std::string& init : inits) {
      for (const int fold : folds) cells.push_back({init, seed, fold});
    }
  }
  return cells;
}

CellStatus ReadCellStatus(const CampaignCell& cell,
                          const RunFiles& files,
                          const fs::path& predicted_marker) {
  CellStatus status{.cell = cell};
  if (!fs::exists(files.Config())) return status;
  status.state = CellState::kStarted;
  if (fs::exists(files.Final())) status.state = CellState::kTrained;
  if (fs::exists(files.Final()) && fs::exists(predicted_marker)) {
    status.state = CellState::kPredicted;
  }
  if (!fs::exists(files.Metrics())) return status;
  std::istringstream lines(ReadFile(files.Metrics()));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!entry.is_object()) continue;  // a line that is being written
    status.step = entry.value("step", status.step);
    status.epoch = entry.value("epoch", status.epoch);
    if (entry.contains("loss") && entry["loss"].is_number()) status.loss = entry["loss"];
    if (entry.contains("score") && entry["score"].is_number()) status.score = entry["score"];
  }
  return status;
}

std::string StateWord(CellState state) {
  switch (state) {
    case CellState::kMissing:
      return "missing";
    case CellState::kStarted:
      return "started";
    case CellState::kTrained:
      return "trained";
    case CellState::kPredicted:
      return "done";
  }
  return "?";
}

}  // namespace sap::train
