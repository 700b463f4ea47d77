// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/load_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sap::transfer {

int64_t LoadReport::Count(LoadStatus status) const {
  return std::ranges::count(entries, status, &LoadEntry::status);
}

double LoadReport::LoadedFrac() const {
  if (num_eligible_params == 0) return 0.0;
  return static_cast<double>(num_loaded_params) / static_cast<double>(num_eligible_params);
}

std::string LoadReport::Summary() const {
  std::string line = mode;
  if (!source.empty()) line += fmt::format(" from {}", source);
  if (!layout.empty()) line += fmt::format(" ({})", layout);
  line += ":";
  for (const auto& [status, name] : EnumNames<LoadStatus>::kNames) {
    line += fmt::format(" {} {},", Count(status), name);
  }
  line.back() = ';';
  return line + fmt::format(" {} of {} parameters", num_loaded_params, num_eligible_params);
}

std::string LoadReport::Text() const {
  std::string text = Summary() + "\n";
  for (const std::string& note : notes) text += "note: " + note + "\n";
  std::size_t name_width = 0;
  for (const LoadEntry& entry : entries) name_width = std::max(name_width, entry.name.size());
  for (const LoadEntry& entry : entries) {
    const bool is_same = entry.shape_file == entry.shape_model || entry.shape_file.empty();
    std::string shape = is_same                     ? entry.shape_model
                        : entry.shape_model.empty() ? entry.shape_file
                                                    : entry.shape_file + " -> " + entry.shape_model;
    text += fmt::format("{:<11} {:<{}} {}", EnumName(entry.status), entry.name, name_width, shape);
    if (!entry.reason.empty()) text += fmt::format("  ({})", entry.reason);
    text += "\n";
  }
  return text;
}

nlohmann::json LoadReport::Json() const {
  nlohmann::json json = {{"mode", mode},
                         {"source", source},
                         {"sha256", sha256},
                         {"layout", layout},
                         {"notes", notes},
                         {"seen_subjects", seen_subjects},
                         {"num_loaded_params", num_loaded_params},
                         {"num_eligible_params", num_eligible_params},
                         {"loaded_frac", LoadedFrac()},
                         {"counts", nlohmann::json::object()},
                         {"tensors", nlohmann::json::array()}};
  for (const auto& [status, name] : EnumNames<LoadStatus>::kNames) {
    json["counts"][std::string(name)] = Count(status);
  }
  for (const LoadEntry& entry : entries) {
    json["tensors"].push_back({{"name", entry.name},
                               {"status", EnumName(entry.status)},
                               {"shape_file", entry.shape_file},
                               {"shape_model", entry.shape_model},
                               {"reason", entry.reason}});
  }
  return json;
}

}  // namespace sap::transfer
