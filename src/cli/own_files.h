// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sap::cli {

// Names in a folder that this program did not write there: all but `own`, and all of them where
// `record`, which it always writes, is missing. Hidden files do not count. Empty for a folder that
// does not exist. Sorted.
std::vector<std::string> ForeignFiles(const std::filesystem::path& folder,
                                      const std::string& record,
                                      const std::vector<std::string>& own);

// A case's folder is replaced as a whole: throws kIo, naming the case, where that would remove what
// this program did not write (annotations, corrections, or the input itself).
void RequireOwnFiles(const std::filesystem::path& folder,
                     const std::string& case_id,
                     const std::string& record,
                     const std::vector<std::string>& own);

}  // namespace sap::cli
