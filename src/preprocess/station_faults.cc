// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/station_faults.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "sap/core/error.h"

namespace sap::preprocess {
namespace {

void FindMissingModalities(const std::vector<StationOutline>& stations,
                           std::vector<std::string>& faults) {
  for (const std::string modality : {kT1, kDwi}) {
    bool found = false;
    for (const StationOutline& s : stations) found |= s.modality == modality;
    if (found) continue;
    faults.push_back(fmt::format(
        "no {} station; each patient needs T1 and diffusion stations: add them, or name "
        "their sequence in the table of `sequences`",
        modality));
  }
}

void FindMissingBValues(const std::vector<StationOutline>& stations,
                        const PipelineOptions& options,
                        std::vector<std::string>& faults) {
  std::map<int, std::optional<double>> nearest;  // by station
  const auto distance = [&](double b) { return std::abs(b - options.b_target_s_per_mm2); };
  for (const StationOutline& s : stations) {
    if (s.modality != kDwi) continue;
    std::optional<double>& best = nearest[s.station_idx];
    if (s.b_s_per_mm2 && (!best || distance(*s.b_s_per_mm2) < distance(*best))) {
      best = s.b_s_per_mm2;
    }
  }
  std::map<std::string, std::vector<int>> lacking;  // station numbers, by the nearest b-value
  for (const auto& [station_idx, b] : nearest) {
    if (b && distance(*b) <= options.b_tolerance_s_per_mm2) continue;
    lacking[b ? fmt::format("{:g}", *b) : "unknown"].push_back(station_idx + 1);
  }
  for (const auto& [nearest_b, numbers] : lacking) {
    const bool one = numbers.size() == 1;
    faults.push_back(
        fmt::format("diffusion {} {} {} no b-value within {:g} of {:g} s/mm2 (nearest: {}); set "
                    "b_target or b_tolerance",
                    one ? "station" : "stations",
                    fmt::join(numbers, ", "),
                    one ? "has" : "have",
                    options.b_tolerance_s_per_mm2,
                    options.b_target_s_per_mm2,
                    nearest_b));
  }
}

// In whatever order of axes.
bool FillTheSameBox(const Geometry& a, const Geometry& b) {
  constexpr double kTolMm = 0.05;
  const LpsExtent first = ExtentOf(a), second = ExtentOf(b);
  bool same = a.NumVoxels() == b.NumVoxels();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    same &= std::abs(first.low_mm[axis] - second.low_mm[axis]) <= kTolMm;
    same &= std::abs(first.high_mm[axis] - second.high_mm[axis]) <= kTolMm;
  }
  return same;
}

// ADC is a voxelwise fit.
void FindUnlikeGrids(const std::vector<StationOutline>& stations,
                     std::vector<std::string>& faults) {
  std::map<int, const StationOutline*> first;
  std::set<int> unlike;
  for (const StationOutline& s : stations) {
    if (s.modality != kDwi) continue;
    const StationOutline& other = *first.try_emplace(s.station_idx, &s).first->second;
    if (!FillTheSameBox(s.grid, other.grid)) unlike.insert(s.station_idx);
  }
  for (const int station_idx : unlike) {
    faults.push_back(
        fmt::format("the b-values of diffusion station {} are on different grids; export them from "
                    "one series",
                    station_idx + 1));
  }
}

// An empty band across the body is no image of it.
void FindGaps(const std::vector<StationOutline>& stations,
              double max_gap_mm,
              std::vector<std::string>& faults) {
  for (const StationGap& gap : GapsOf(stations)) {
    if (gap.gap_mm <= max_gap_mm) continue;
    faults.push_back(
        fmt::format("{:.0f} mm of the body lie in no {} station, between stations {} and {} from "
                    "below; at most {:g} mm may: add the missing station, or raise max_gap",
                    gap.gap_mm,
                    gap.modality,
                    gap.below_idx + 1,
                    gap.below_idx + 2,
                    max_gap_mm));
  }
}

}  // namespace

std::vector<std::string> StationFaults(const std::vector<StationOutline>& stations,
                                       const PipelineOptions& options,
                                       double max_gap_mm) {
  std::vector<std::string> faults;
  FindMissingModalities(stations, faults);
  FindMissingBValues(stations, options, faults);
  FindUnlikeGrids(stations, faults);
  FindGaps(stations, max_gap_mm, faults);
  return faults;
}

void RequireWholeExam(const std::vector<StationOutline>& stations,
                      const std::string& case_id,
                      const PipelineOptions& options,
                      double max_gap_mm) {
  const std::vector<std::string> faults = StationFaults(stations, options, max_gap_mm);
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "{}: {}",
              case_id,
              fmt::join(faults, fmt::format("\n{}: ", case_id)));
}

}  // namespace sap::preprocess
