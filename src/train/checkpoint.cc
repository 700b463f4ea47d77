// SPDX-License-Identifier: Apache-2.0
#include "sap/train/checkpoint.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/provenance.h"
#include "sap/nn/weights_io.h"
#include "sap/train/fault_hook.h"

namespace sap::train {
namespace {

using nlohmann::json;

constexpr const char* kModel = "model.safetensors";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kState = "state.json";
constexpr const char* kManifest = "manifest.json";
constexpr const char* kGenerator = "generator";

json ToJson(const Checkpoint& checkpoint) {
  const TrainState& state = checkpoint.state;
  return {{"epoch", state.epoch},
          {"step_in_epoch", state.step_in_epoch},
          {"step", state.step},
          {"epoch_loss_sum", state.epoch_loss_sum},
          {"best_score", state.best_score ? json(*state.best_score) : json()},
          {"best_epoch", state.best_epoch},
          {"trained_s", state.trained_s},
          {"run_hash", checkpoint.run_hash},
          {"provenance", ProvenanceWithThreads()}};
}

TrainState StateFrom(const json& j) {
  TrainState state;
  state.epoch = j.at("epoch");
  state.step_in_epoch = j.at("step_in_epoch");
  state.step = j.at("step");
  state.epoch_loss_sum = j.at("epoch_loss_sum");
  if (!j.at("best_score").is_null()) state.best_score = j.at("best_score").get<double>();
  state.best_epoch = j.at("best_epoch");
  state.trained_s = j.at("trained_s");
  return state;
}

// Newest first.
std::vector<fs::path> Folders(const fs::path& folder) {
  std::vector<fs::path> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("step-")) found.push_back(entry.path());
  }
  std::sort(found.rbegin(), found.rend());  // the step number is zero-padded
  return found;
}

void WriteFiles(const fs::path& folder, const Checkpoint& checkpoint) {
  nn::WriteSafetensors(folder / kModel, {.entries = checkpoint.model});
  auto optimizer = checkpoint.optimizer;
  optimizer.emplace_back(kGenerator, checkpoint.generator);
  nn::WriteSafetensors(folder / kOptimizer, {.entries = optimizer});
  fault::Reach("save:before_manifest");
  WriteFileAtomically(folder / kState, ToJson(checkpoint).dump(2) + "\n");
  json manifest;
  for (const char* name : {kModel, kOptimizer, kState}) {
    manifest[name] = {{"bytes", fs::file_size(folder / name)},
                      {"sha256", Sha256OfFile(folder / name)}};
  }
  WriteFileAtomically(folder / kManifest, manifest.dump(2) + "\n");
}

// What is wrong with a checkpoint folder; empty when it verifies.
std::string Damage(const fs::path& folder) {
  if (!fs::exists(folder / kManifest)) return "manifest.json is missing";
  try {
    const json manifest = json::parse(ReadFile(folder / kManifest));
    for (const auto& [name, entry] : manifest.items()) {
      if (!fs::exists(folder / name)) return name + " is missing";
      if (fs::file_size(folder / name) != entry.at("bytes")) return name + " has another length";
      if (Sha256OfFile(folder / name) != entry.at("sha256")) return name + " has another checksum";
    }
  } catch (const json::exception&) {
    return "manifest.json is not JSON";
  }
  return "";
}

Checkpoint Load(const fs::path& folder) {
  Checkpoint checkpoint;
  const json state = json::parse(ReadFile(folder / kState));
  checkpoint.state = StateFrom(state);
  checkpoint.run_hash = state.at("run_hash");
  checkpoint.model = nn::ReadSafetensors(folder / kModel).entries;
  for (auto& [name, tensor] : nn::ReadSafetensors(folder / kOptimizer).entries) {
    if (name == kGenerator) {
      checkpoint.generator = tensor.clone();
    } else {
      checkpoint.optimizer.emplace_back(name, tensor);
    }
  }
  return checkpoint;
}

}  // namespace

void SaveCheckpoint(const fs::path& folder, const Checkpoint& checkpoint, int keep) {
  CreateFolder(folder);
  const fs::path target = folder / fmt::format("step-{:09}", checkpoint.state.step);
  WriteFolderAtomically(target, /*replace=*/true, [&](const fs::path& temporary) {
    WriteFiles(temporary, checkpoint);
    fault::Reach("save:before_rename");
  });
  fault::Reach("save:after_rename");
  const std::vector<fs::path> all = Folders(folder);
  for (std::size_t i = static_cast<std::size_t>(keep); i < all.size(); ++i) {
    fs::remove_all(all[i]);
  }
}

std::optional<Checkpoint> LoadNewestCheckpoint(const fs::path& folder,
                                               const std::string& run_hash) {
  for (const fs::path& candidate : Folders(folder)) {
    if (const std::string damage = Damage(candidate); !damage.empty()) {
      log::Warning(
          "{}: {}; taking the checkpoint before it", candidate.filename().string(), damage);
      continue;
    }
    Checkpoint checkpoint = Load(candidate);
    SAP_REQUIRE(ErrorKind::kInput,
                checkpoint.run_hash == run_hash,
                "{}: the checkpoint belongs to another config, split or cohort; choose another "
                "name, or restore what the run began with",
                candidate.filename().string());
    return checkpoint;
  }
  return std::nullopt;
}

bool HasCheckpoint(const fs::path& folder) {
  return !Folders(folder).empty();
}

}  // namespace sap::train
