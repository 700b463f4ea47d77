// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sap::cli {

// Writes gnuplot scripts and data below `folder` and draws each script. Returns title and SVG of
// each figure; without gnuplot one line says so and the scripts stay.
std::vector<std::pair<std::string, std::string>> DrawFigures(
    const std::filesystem::path& folder, const std::map<std::string, std::string>& files);

}  // namespace sap::cli
