// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/eval/detection.h"

namespace sap::eval {

std::string Cell(double value);       // shortest text that reads back the same; empty for NaN
std::string ShortCell(double value);  // three decimals for people; "-" for NaN
// "0.333-0.500"; "-0.349 to 0.759" where a minus would read as the dash.
std::string RangeText(double low, double high);
nlohmann::json Number(double value);  // null for NaN
nlohmann::json DistributionJson(const Distribution& d);
nlohmann::json OverlapJson(const OverlapCounts& counts, double dice);  // nnU-Net's metric names

// "median [q25, q75]", "mean", "n" and "excluded" cells of one row of a Markdown table.
std::vector<std::string> DistributionCells(const std::string& name, const Distribution& d);

}  // namespace sap::eval
