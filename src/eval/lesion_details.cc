// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/lesion_details.h"

#include "eval/report_text.h"

namespace sap::eval {

double LesionDetails::Agreement() const {
  if (num_members == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(members_found) / static_cast<double>(num_members);
}

LesionDetails DetailsAt(const std::vector<LesionDetails>& details, std::size_t idx) {
  return idx < details.size() ? details[idx] : LesionDetails{};
}

std::vector<std::string> DetailColumns(bool with_members) {
  std::vector<std::string> columns = {
      "region", "longest_diameter_mm", "axial_diameter_mm", "adc_mean_um2_per_s"};
  if (with_members) columns.insert(columns.end(), {"agreement", "score_sd"});
  return columns;
}

std::vector<std::string> DetailCells(const LesionDetails& details, bool with_members) {
  std::vector<std::string> cells = {details.region,
                                    Cell(details.shape.longest_mm),
                                    Cell(details.shape.axial_mm),
                                    Cell(details.adc_um2_per_s)};
  if (with_members) cells.insert(cells.end(), {Cell(details.Agreement()), Cell(details.score_sd)});
  return cells;
}

}  // namespace sap::eval
