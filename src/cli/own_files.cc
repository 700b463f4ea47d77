// SPDX-License-Identifier: Apache-2.0
#include "cli/own_files.h"

#include <algorithm>

#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap::cli {

std::vector<std::string> ForeignFiles(const fs::path& folder,
                                      const std::string& record,
                                      const std::vector<std::string>& own) {
  if (!fs::exists(folder)) return {};
  if (!fs::is_directory(folder)) return {folder.filename().string()};
  const bool ours = fs::exists(folder / record);
  std::vector<std::string> foreign;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool known = ours && std::find(own.begin(), own.end(), name) != own.end();
    if (!name.starts_with(".") && !known) foreign.push_back(name);
  }
  std::sort(foreign.begin(), foreign.end());
  return foreign;
}

void RequireOwnFiles(const fs::path& folder,
                     const std::string& case_id,
                     const std::string& record,
                     const std::vector<std::string>& own) {
  const std::vector<std::string> foreign = ForeignFiles(folder, record, own);
  SAP_REQUIRE(ErrorKind::kIo,
              foreign.empty(),
              "{}: its folder in output_dir holds {} that this program did not write, and that "
              "writing the case anew would remove: move what is to be kept elsewhere, or choose "
              "another output_dir",
              case_id,
              foreign.size() == 1 ? "a file" : fmt::format("{} files", foreign.size()));
}

}  // namespace sap::cli
