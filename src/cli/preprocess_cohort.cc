// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_cohort.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/preprocess_case.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/train/fault_hook.h"

namespace sap::cli {
namespace {

using nlohmann::json;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

// Worst or total of what a step recorded, by column name.
Figures FiguresOf(const json& record) {
  Figures figures;
  const auto raise = [&](const std::string& name, double value) {
    auto [place, fresh] = figures.try_emplace(name, value);
    if (!fresh) place->second = std::max(place->second, value);
  };
  const json& steps = record.at("steps");
  const json bias = steps.value("bias", json::array());
  for (const json& one : bias) {
    const auto modality = one.at("modality").get<std::string>();
    raise(modality + "_bias_sd", one.at("log_field_sd").get<double>());
    raise(modality + "_bias_residual_sd", one.at("residual_log_sd").get<double>());
  }
  const json isis = steps.value("isis", json::object());
  for (const auto& [modality, one] : isis.items()) {
    for (const json& gain : one.at("gain")) {
      raise(modality + "_gain_step", std::abs(std::log(gain.get<double>())));
    }
  }
  const json pairs = steps.value("/register_stations/pairs"_json_pointer, json::array());
  for (const json& pair : pairs) {
    const auto shift = pair.at("shift_mm").get<std::vector<double>>();
    raise("station_shift_mm", std::hypot(shift[0], shift[1], shift[2]));
    raise("overlap_1_minus_r", 1.0 - pair.at("correlation_after").get<double>());
  }
  if (steps.contains("register_to_t1")) {
    const json& rigid = steps.at("register_to_t1");
    const auto shift = rigid.at("shift_mm").get<std::vector<double>>();
    raise("t1_shift_mm", std::hypot(shift[0], shift[1], shift[2]));
    raise("t1_angle_deg", rigid.at("angle_deg").get<double>());
    raise("t1_information_nats", rigid.at("information_after_nats").get<double>());
  }
  raise("body_ml", steps.at("merge").at("body_ml").get<double>());
  raise("diffusion_coverage_frac", steps.at("merge").at("diffusion_coverage_frac").get<double>());
  return figures;
}

std::map<std::string, Figures> AllFigures(const fs::path& output_dir) {
  std::map<std::string, Figures> figures;
  for (const auto& entry : fs::directory_iterator(output_dir)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".") || !fs::exists(entry.path() / kPreprocessRecord)) continue;
    figures[name] = FiguresOf(json::parse(ReadFile(entry.path() / kPreprocessRecord)));
  }
  return figures;
}

// What a figure must differ by to matter: exams of one scanner may agree so well that their spread
// says nothing. By the ends of names, which hold the unit; docs/preprocessing.md has the table.
double LeastDifference(const std::string& figure) {
  static constexpr std::pair<std::string_view, double> kByEnd[] = {{"_mm", 2},
                                                                   {"_deg", 1},
                                                                   {"_sd", 0.02},
                                                                   {"_gain_step", 0.2},
                                                                   {"_1_minus_r", 0.1},
                                                                   {"_nats", 0.05},
                                                                   {"_frac", 0.05},
                                                                   {"_ml", 5000}};
  for (const auto& [end, difference] : kByEnd) {
    if (figure.ends_with(end)) return difference;
  }
  SAP_CHECK(false, "{} has no least difference", figure);
}

}  // namespace

std::vector<std::string> OutliersOf(const Figures& one, const Columns& cohort, double z) {
  constexpr std::size_t kFewestCases = 4;
  std::vector<std::string> outliers;
  for (const auto& [name, value] : one) {
    const std::vector<double>& values = cohort.at(name);
    if (values.size() < kFewestCases) continue;
    const double median = Median(values);
    std::vector<double> distances;
    for (const double other : values) distances.push_back(std::abs(other - median));
    const double robust_sd = 1.4826 * Median(distances);
    const double apart = std::abs(value - median);
    if (apart > z * robust_sd && apart > LeastDifference(name)) outliers.push_back(name);
  }
  return outliers;
}

std::vector<std::string> WriteCohortTable(const PreprocessOptions& options) {
  const auto figures = AllFigures(options.output_dir);
  Columns columns;
  for (const auto& [case_id, row] : figures) {
    for (const auto& [name, value] : row) columns[name].push_back(value);
  }
  std::vector<std::string> header = {"case"};
  for (const auto& [name, values] : columns) header.push_back(name);
  header.emplace_back("outliers");
  Table table(header);
  std::vector<std::string> flagged;
  for (const auto& [case_id, row] : figures) {
    std::vector<std::string> cells = {case_id};
    for (const auto& [name, values] : columns) {
      const auto found = row.find(name);
      cells.push_back(found == row.end() ? "" : fmt::format("{:.6g}", found->second));
    }
    const std::vector<std::string> outliers = OutliersOf(row, columns, options.outlier);
    if (!outliers.empty()) flagged.push_back(case_id);
    cells.push_back(fmt::format("{}", fmt::join(outliers, " ")));
    table.AddRow(cells);
  }
  train::fault::Reach("table");
  WriteFileAtomically(fs::path(options.output_dir) / "preprocess_cohort.csv", table.Csv());
  return flagged;
}

}  // namespace sap::cli
