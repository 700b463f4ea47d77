// SPDX-License-Identifier: Apache-2.0
#include "sap/train/run_dir.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/train/checkpoint.h"

namespace sap::train {
namespace {

// The first line that differs, for the message: "lr: 1e-05 against lr: 0.001".
std::string FirstDifference(const std::string& before, const std::string& now) {
  std::istringstream old_lines(before);
  std::istringstream new_lines(now);
  std::string a;
  std::string b;
  while (true) {
    const bool has_a = static_cast<bool>(std::getline(old_lines, a));
    const bool has_b = static_cast<bool>(std::getline(new_lines, b));
    if (!has_a && !has_b) return "";
    if (!has_a) a = "nothing";
    if (!has_b) b = "nothing";
    if (a != b) return fmt::format("'{}' there, '{}' now", a, b);
  }
}

}  // namespace

RunDir::RunDir(const fs::path& root, const std::string& config_yaml, ResumeRule rule)
    : files_{root} {
  RequireWritableFolder(root, std::uintmax_t{64} << 20);
  SAP_REQUIRE(ErrorKind::kIo,
              FileLock::TryLock(root / ".lock", lock_),
              "{}: another process trains in this folder; wait for it or choose another name",
              root.string());
  // A run that failed before its first save left nothing to protect: a mended config may follow.
  const bool exists = fs::exists(files_.Config()) &&
                      (HasCheckpoint(files_.Checkpoints()) || fs::exists(files_.Final()));
  SAP_REQUIRE(ErrorKind::kOption,
              rule != ResumeRule::kNever || !exists,
              "{}: holds a run already and resume is 'never'; choose another name or resume: auto",
              root.string());
  if (exists) {
    const std::string before = ReadFile(files_.Config());
    SAP_REQUIRE(ErrorKind::kOption,
                before == config_yaml,
                "{}: holds a run with another config ({}); choose another name, or use the old "
                "config to continue it",
                root.string(),
                FirstDifference(before, config_yaml));
  }
  if (exists) status_ = fs::exists(files_.Final()) ? Status::kFinished : Status::kResumable;
  SAP_REQUIRE(ErrorKind::kOption,
              rule != ResumeRule::kMust || status_ != Status::kFresh,
              "{}: resume is 'must', but there is no checkpoint; check output_dir and name, or "
              "use resume: auto",
              root.string());
  if (!exists) WriteFileAtomically(files_.Config(), config_yaml);
}

void RunDir::WriteManifest(const nlohmann::json& manifest) const {
  WriteFileAtomically(files_.Manifest(), manifest.dump(2) + "\n");
}

}  // namespace sap::train
