// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/enum_names.h"
#include "sap/core/files.h"

namespace sap::train {

enum class ResumeRule { kAuto, kMust, kNever };

// The file names of a run, said once (DESIGN §4).
struct RunFiles {
  fs::path root;
  fs::path Config() const { return root / "config.resolved.yaml"; }
  fs::path Manifest() const { return root / "manifest.json"; }
  fs::path Log() const { return root / "train.log"; }
  fs::path Metrics() const { return root / "metrics.jsonl"; }
  fs::path Ledger() const { return root / "load_ledger.json"; }
  fs::path Checkpoints() const { return root / "checkpoints"; }
  fs::path Best() const { return root / "model_best.safetensors"; }
  fs::path Final() const { return root / "model_final.safetensors"; }
  fs::path TensorBoard() const { return root / "tb"; }
  fs::path Predictions() const { return root / "predictions"; }
};

// A run owns its folder: a lock keeps a second process out, and another config never continues
// or overwrites what was saved there.
class RunDir {
 public:
  enum class Status { kFresh, kResumable, kFinished };

  // config_yaml: the resolved config without what may change between attempts. Throws kOption
  // when the folder holds a run with another config (names the first differing line), when
  // `must` finds no checkpoint, when `never` finds a run; kIo when it cannot be written or
  // another process holds it.
  RunDir(const fs::path& root, const std::string& config_yaml, ResumeRule rule);

  Status status() const { return status_; }
  const RunFiles& files() const { return files_; }
  void WriteManifest(const nlohmann::json& manifest) const;

 private:
  RunFiles files_;
  FileLock lock_;
  Status status_ = Status::kFresh;
};

}  // namespace sap::train

template <>
struct sap::EnumNames<sap::train::ResumeRule> {
  static constexpr std::pair<sap::train::ResumeRule, std::string_view> kNames[] = {
      {sap::train::ResumeRule::kAuto, "auto"},
      {sap::train::ResumeRule::kMust, "must"},
      {sap::train::ResumeRule::kNever, "never"}};
};
