// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "sap/core/error.h"
#include "sap/data/cohort.h"
#include "sap/data/volume_store.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

namespace sap::data {

inline CohortOptions OptionsFor(const std::filesystem::path& folder) {
  CohortOptions options;
  options.path = folder.string();
  return options;
}

// The volume store of a fresh tiny cohort, in the running test's own folder.
inline std::shared_ptr<const VolumeStore> TinyStore(const testing::TinyCohortOptions& tiny = {},
                                                    StoreOptions options = {}) {
  const std::filesystem::path folder = testing::FreshFolder();
  testing::MakeTinyCohort(folder / "cohort", tiny);
  options.cache_dir = (folder / "store").string();
  return OpenOrBuildStore(LoadCohort(OptionsFor(folder / "cohort")), options);
}

inline std::vector<std::size_t> AllCases(const VolumeStore& store) {
  std::vector<std::size_t> all(store.NumCases());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

// Kind and text of the sap::Error that `action` throws; "" when it throws none.
struct Thrown {
  std::optional<ErrorKind> kind;
  std::string text;
};
template <typename Action>
Thrown ErrorOf(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {};
}

}  // namespace sap::data
