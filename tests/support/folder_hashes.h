// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "sap/core/files.h"

namespace sap::testing {

// sha256 of every file below a folder by its path there, but for files of the name `left_out`.
inline std::map<std::string, std::string> HashesBelow(const fs::path& folder,
                                                      const std::string& left_out = {}) {
  std::map<std::string, std::string> hashes;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().filename() == left_out) continue;
    const std::string name = entry.path().lexically_relative(folder).string();
    hashes[name] = entry.is_regular_file() ? Sha256OfFile(entry.path()) : "folder";
  }
  return hashes;
}

}  // namespace sap::testing
