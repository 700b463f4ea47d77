// SPDX-License-Identifier: Apache-2.0
#include "eval/report_text.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace sap::eval {

std::string Cell(double value) {
  return std::isnan(value) ? "" : fmt::format("{}", value);
}

std::string ShortCell(double value) {
  return std::isnan(value) ? "-" : fmt::format("{:.3f}", value);
}

nlohmann::json Number(double value) {
  return std::isnan(value) ? nlohmann::json() : nlohmann::json(value);
}

nlohmann::json DistributionJson(const Distribution& d) {
  return {{"n", d.n},
          {"n_excluded", d.n_excluded},
          {"mean", Number(d.mean)},
          {"median", Number(d.median)},
          {"q25", Number(d.q25)},
          {"q75", Number(d.q75)}};
}

std::string RangeText(double low, double high) {
  const char* between = low < 0 || high < 0 ? " to " : "-";
  return ShortCell(low) + between + ShortCell(high);
}

nlohmann::json OverlapJson(const OverlapCounts& counts, double dice) {
  return {{"Dice", Number(dice)},
          {"IoU", Number(counts.Iou())},
          {"TP", counts.both},
          {"FP", counts.only_predicted},
          {"FN", counts.only_reference},
          {"TN", counts.neither},
          {"n_ref", counts.Reference()},
          {"n_pred", counts.Predicted()}};
}

std::vector<std::string> DistributionCells(const std::string& name, const Distribution& d) {
  return {name,
          fmt::format("{} [{}, {}]", ShortCell(d.median), ShortCell(d.q25), ShortCell(d.q75)),
          ShortCell(d.mean),
          fmt::format("{}", d.n),
          fmt::format("{}", d.n_excluded)};
}

}  // namespace sap::eval
