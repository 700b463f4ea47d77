// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "data/build_case.h"
#include "data/store_file.h"
#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"

namespace sap::data {
namespace {

constexpr int kFormatVersion = 1;
constexpr const char* kEnding = ".sapcase";

std::vector<fs::path> InputsOf(const CaseRecord& record) {
  std::vector<fs::path> inputs = record.images;
  if (record.body) inputs.push_back(*record.body);
  if (record.label) inputs.push_back(*record.label);
  return inputs;
}

// What the stored voxels depend on beside the input files.
std::string OptionsHash(const Cohort& cohort, const StoreOptions& options) {
  nlohmann::json json = {{"format", kFormatVersion},
                         {"modalities", cohort.modalities},
                         {"labels", cohort.labels.ToJson()},
                         {"orientation", EnumName(cohort.orientation)},
                         {"dtype", EnumName(options.dtype)},
                         {"normalization", EnumName(options.normalization)},
                         {"percentiles", {options.low_pct, options.high_pct}},
                         {"connectivity", options.connectivity}};
  if (const auto& s = cohort.spacing_mm) json["spacing_mm"] = {s->x, s->y, s->z};
  return Sha256OfBytes(json.dump());
}

// The name holds where the inputs lie, so that cohorts with the same case ids can share a folder.
fs::path StorePath(const CaseRecord& record, const std::string& options_hash, const fs::path& dir) {
  std::string text = options_hash + record.id + std::to_string(static_cast<int>(record.kind));
  for (const fs::path& input : InputsOf(record)) text += "\n" + fs::absolute(input).string();
  return dir / (record.id + "-" + Sha256OfBytes(text).substr(0, 16) + kEnding);
}

// Size and time tell that a file is the one that was stored; if they differ, its hash does.
bool InputsUnchanged(const CaseRecord& record, const StoreFile& file) {
  const std::vector<fs::path> paths = InputsOf(record);
  if (paths.size() != file.inputs().size()) return false;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const InputFile& stored = file.inputs()[i];
    const InputFile now = DescribeInput(paths[i], /*with_sha256=*/false);
    if (now.num_bytes != stored.num_bytes) return false;
    if (now.modified_ns != stored.modified_ns && Sha256OfFile(paths[i]) != stored.sha256) {
      return false;
    }
  }
  return true;
}

class Builder {
 public:
  Builder(const Cohort& cohort, const StoreOptions& options)
      : cohort_(cohort), options_(options), options_hash_(OptionsHash(cohort, options)) {}

  // Null where the case is absent, damaged or outdated; `report` says why.
  std::unique_ptr<StoreFile> Open(const CaseRecord& record, bool report) const {
    const fs::path path = PathOf(record);
    if (!fs::exists(path)) return nullptr;
    try {
      auto file = std::make_unique<StoreFile>(path, options_.check);
      if (file->options_hash() == options_hash_ && InputsUnchanged(record, *file)) {
        file->info().kind = record.kind;
        file->info().subject = record.subject;
        file->info().site = record.site;
        file->info().role = record.role;
        return file;
      }
      if (report) log::Info("{}: its files changed; building its volume store anew", record.id);
    } catch (const Error& error) {  // a damaged cache costs time, not the run
      if (error.kind() != ErrorKind::kInput) throw;
      log::Warning(
          "{}: damaged in the volume store ({}); building it anew", record.id, error.what());
    }
    return nullptr;
  }

  void Build(const CaseRecord& record) const {
    WriteStoreFile(
        PathOf(record), BuildCase(record, cohort_, options_), options_.dtype, options_hash_);
  }

 private:
  fs::path PathOf(const CaseRecord& record) const {
    return StorePath(record, options_hash_, options_.cache_dir);
  }

  const Cohort& cohort_;
  const StoreOptions& options_;
  std::string options_hash_;
};

// What a killed builder left; only the one builder, which holds the lock, writes here.
void RemoveLeftovers(const fs::path& dir) {
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".tmp-") && name.ends_with(kEnding)) fs::remove(entry.path());
  }
}

void BuildMissing(const Cohort& cohort,
                  const Builder& builder,
                  std::vector<std::unique_ptr<StoreFile>>& files) {
  Progress progress("volume store", std::count(files.begin(), files.end(), nullptr));
  std::vector<std::string> faults;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i]) continue;
    const CaseRecord& record = cohort.cases[i];
    try {
      builder.Build(record);
      files[i] = builder.Open(record, /*report=*/true);
      SAP_CHECK(files[i] != nullptr, "{} was built but does not open", record.id);
    } catch (const Error& error) {  // the user sees the faults of all cases at once
      if (error.kind() != ErrorKind::kInput && error.kind() != ErrorKind::kGeometry) throw;
      faults.emplace_back(error.what());
    }
    progress.Advance(1, record.id);
  }
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "volume store: {} of {} cases cannot be used\n  {}",
              faults.size(),
              files.size(),
              fmt::join(faults, "\n  "));
}

}  // namespace

std::shared_ptr<const VolumeStore> OpenOrBuildStore(const Cohort& cohort,
                                                    const StoreOptions& options) {
  SAP_REQUIRE(ErrorKind::kOption,
              !options.cache_dir.empty(),
              "data.cache_dir is empty; name a folder for the volume store");
  const Builder builder(cohort, options);
  std::vector<std::unique_ptr<StoreFile>> files(cohort.cases.size());
  const auto open_missing = [&](bool report) {
    bool complete = true;
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (!files[i]) files[i] = builder.Open(cohort.cases[i], report);
      complete = complete && files[i];
    }
    return complete;
  };
  // A complete store needs no lock, so a read-only folder will do.
  if (!fs::is_directory(options.cache_dir) || !open_missing(/*report=*/false)) {
    CreateFolder(options.cache_dir);
    const FileLock lock(fs::path(options.cache_dir) / "builder.lock");
    if (!open_missing(/*report=*/true)) {
      RemoveLeftovers(options.cache_dir);
      BuildMissing(cohort, builder, files);
    }
  }
  return std::make_shared<const VolumeStore>(std::move(files), cohort);
}

}  // namespace sap::data
