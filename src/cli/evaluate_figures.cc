// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_figures.h"

#include <algorithm>

#include "sap/core/files.h"
#include "sap/core/gnuplot.h"
#include "sap/core/log.h"

namespace sap::cli {
namespace {

// Cairo writes the time into a PDF, so that equal runs would differ. The file's table of offsets
// holds only while no byte moves.
void ClearCreationDate(const fs::path& pdf) {
  if (!fs::exists(pdf)) return;
  std::string bytes = ReadFile(pdf);
  const std::size_t key = bytes.find("/CreationDate (");
  if (key == std::string::npos) return;
  const std::size_t end = bytes.find(')', key);
  if (end == std::string::npos) return;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(key),
            bytes.begin() + static_cast<std::ptrdiff_t>(end) + 1,
            ' ');
  WriteFileAtomically(pdf, bytes);
}

}  // namespace

void DrawFigures(const fs::path& folder, std::vector<eval::ReportSection>& sections) {
  CreateFolder(folder);
  std::vector<std::string> failed;
  for (eval::ReportSection& section : sections) {
    eval::PictureRow row;
    for (const eval::Figure& figure : section.figures) {
      for (const auto& [name, text] : figure.files) WriteFileAtomically(folder / name, text);
      if (RunGnuplot(folder, figure.name + ".gp")) {
        ClearCreationDate(folder / (figure.name + ".pdf"));
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
