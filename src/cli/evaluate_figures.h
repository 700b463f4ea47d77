// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "sap/eval/report_html.h"

namespace sap::cli {

// Writes the scripts and data of every section's figures below `folder`, draws them as SVG and PDF,
// and adds the SVG to the section's rows. Without gnuplot one line says so and the scripts stay.
void DrawFigures(const std::filesystem::path& folder, std::vector<eval::ReportSection>& sections);

// Sections without a table and without a picture have nothing to show.
void EraseEmpty(std::vector<eval::ReportSection>& sections);

}  // namespace sap::cli
