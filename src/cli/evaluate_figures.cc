// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_figures.h"

#include "sap/core/files.h"
#include "sap/core/gnuplot.h"
#include "sap/core/log.h"

namespace sap::cli {

void DrawFigures(const fs::path& folder, std::vector<eval::ReportSection>& sections) {
  CreateFolder(folder);
  std::vector<std::string> failed;
  for (eval::ReportSection& section : sections) {
    eval::PictureRow row;
    for (const eval::Figure& figure : section.figures) {
      for (const auto& [name, text] : figure.files) WriteFileAtomically(folder / name, text);
      if (RunGnuplot(folder, figure.name + ".gp")) {
        row.pictures.push_back({.title = figure.title,
                                .caption = figure.caption,
                                .bytes = ReadFile(folder / (figure.name + ".svg"))});
      } else {
        failed.push_back(figure.name);
      }
    }
    if (!row.pictures.empty()) section.rows.push_back(std::move(row));
  }
  if (!failed.empty()) {
    log::Warning("not drawn: {}; install gnuplot, or run the scripts in {} by hand",
                 fmt::join(failed, ", "),
                 folder.filename().string());
  }
}

void EraseEmpty(std::vector<eval::ReportSection>& sections) {
  std::erase_if(sections, [](const eval::ReportSection& section) {
    return section.markdown.empty() && section.rows.empty();
  });
}

}  // namespace sap::cli
