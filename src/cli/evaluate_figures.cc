// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_figures.h"

#include "sap/core/files.h"
#include "sap/core/gnuplot.h"
#include "sap/core/log.h"

namespace sap::cli {

std::vector<std::pair<std::string, std::string>> DrawFigures(
    const fs::path& folder, const std::map<std::string, std::string>& files) {
  CreateFolder(folder);
  for (const auto& [name, text] : files) WriteFileAtomically(folder / name, text);
  std::vector<std::pair<std::string, std::string>> pictures;
  std::vector<std::string> failed;
  for (const auto& [name, text] : files) {
    if (!name.ends_with(".gp")) continue;
    const std::string stem = name.substr(0, name.size() - 3);
    if (RunGnuplot(folder, name)) {
      pictures.emplace_back(stem, ReadFile(folder / (stem + ".svg")));
    } else {
      failed.push_back(stem);
    }
  }
  if (!failed.empty()) {
    log::Warning("not drawn: {}; install gnuplot, or run the scripts in {} by hand",
                 fmt::join(failed, ", "),
                 folder.filename().string());
  }
  return pictures;
}

}  // namespace sap::cli
