// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/enum_names.h"

namespace sap::transfer {

enum class LoadStatus {
  kLoaded,       // copied as it is
  kAdapted,      // copied after a change that `reason` names
  kSkipped,      // in the file, without use here
  kInitialised,  // in the model, not from the file
};

struct LoadEntry {
  std::string name;
  LoadStatus status = LoadStatus::kLoaded;
  std::string shape_file;   // "float32[48, 2, 2, 2, 2]"; empty where the file has none
  std::string shape_model;  // empty where the model has none
  std::string reason;       // empty for kLoaded
};

// What became of every tensor of a weights file and of a model. A run saves Json() as
// load_ledger.json and prints Text().
struct LoadReport {
  std::string mode;    // random, ssl, sap, exact, or a conversion's layout
  std::string source;  // file name, no folder; empty for random
  std::string sha256;  // of the file, where it was read from one
  std::string layout;  // what the key layout was recognised as
  std::vector<LoadEntry> entries;
  std::vector<std::string> notes;
  std::vector<std::string> seen_subjects;  // that the file's own training saw, where it says so
  int64_t num_loaded_params = 0;           // elements copied, index buffers not counted
  int64_t num_eligible_params = 0;         // elements that the mode takes from a file

  int64_t Count(LoadStatus status) const;
  double LoadedFrac() const;    // of the eligible elements; 0 where none is eligible
  std::string Summary() const;  // one line
  std::string Text() const;     // summary, notes, one line per tensor
  nlohmann::json Json() const;
};

}  // namespace sap::transfer

template <>
struct sap::EnumNames<sap::transfer::LoadStatus> {
  static constexpr std::pair<transfer::LoadStatus, std::string_view> kNames[] = {
      {transfer::LoadStatus::kLoaded, "loaded"},
      {transfer::LoadStatus::kAdapted, "adapted"},
      {transfer::LoadStatus::kSkipped, "skipped"},
      {transfer::LoadStatus::kInitialised, "initialised"},
  };
};
