// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/station.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace sap::preprocess {

double CentreZMm(const Geometry& grid) {
  XyzDouble centre_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    centre_vox[a] = 0.5 * static_cast<double>(grid.size_vox[a] - 1);
  }
  return grid.LpsFromVox(centre_vox).z;
}

LpsExtent ExtentOf(const Geometry& grid) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  LpsExtent extent{XyzDouble::Same(kFar), XyzDouble::Same(-kFar)};
  for (unsigned corner = 0; corner < 8; ++corner) {
    XyzDouble at_vox;
    for (std::size_t a = 0; a < 3; ++a) {
      at_vox[a] = (corner >> a & 1U) != 0 ? static_cast<double>(grid.size_vox[a]) - 0.5 : -0.5;
    }
    const XyzDouble at_mm = grid.LpsFromVox(at_vox);
    for (std::size_t a = 0; a < 3; ++a) {
      extent.low_mm[a] = std::min(extent.low_mm[a], at_mm[a]);
      extent.high_mm[a] = std::max(extent.high_mm[a], at_mm[a]);
    }
  }
  return extent;
}

std::vector<StationOutline> OutlinesOf(const std::vector<Station>& stations) {
  std::vector<StationOutline> outlines;
  for (const Station& s : stations) {
    outlines.push_back({s.image.geometry(), s.modality, s.b_s_per_mm2, s.station_idx});
  }
  return outlines;
}

void NumberStations(std::vector<Station>& stations, double tol_mm) {
  std::vector<StationOutline> outlines = OutlinesOf(stations);
  NumberStations(outlines, tol_mm);
  for (std::size_t i = 0; i < stations.size(); ++i) {
    stations[i].station_idx = outlines[i].station_idx;
  }
}

void NumberStations(std::vector<StationOutline>& stations, double tol_mm) {
  std::map<std::string, std::vector<std::size_t>> by_modality;
  for (std::size_t i = 0; i < stations.size(); ++i) {
    by_modality[stations[i].modality].push_back(i);
  }
  for (auto& [modality, order] : by_modality) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return CentreZMm(stations[a].grid) < CentreZMm(stations[b].grid);
    });
    int station_idx = -1;
    double start_z_mm = -std::numeric_limits<double>::infinity();
    for (const std::size_t i : order) {
      const double z_mm = CentreZMm(stations[i].grid);
      if (z_mm > start_z_mm + tol_mm) {
        ++station_idx;
        start_z_mm = z_mm;
      }
      stations[i].station_idx = station_idx;
    }
  }
}

std::vector<StationGap> GapsOf(const std::vector<StationOutline>& stations, double tol_mm) {
  using Key = std::pair<std::string, int>;
  std::map<Key, std::pair<double, double>> heights_mm;  // low and high edge
  for (const StationOutline& station : stations) {
    auto& [low_mm, high_mm] = heights_mm
                                  .try_emplace(Key{station.modality, station.station_idx},
                                               std::numeric_limits<double>::infinity(),
                                               -std::numeric_limits<double>::infinity())
                                  .first->second;
    const LpsExtent extent = ExtentOf(station.grid);
    low_mm = std::min(low_mm, extent.low_mm.z);
    high_mm = std::max(high_mm, extent.high_mm.z);
  }
  std::vector<StationGap> gaps;
  double covered_to_mm = 0;  // by the stations of this modality so far
  const Key* before = nullptr;
  for (const auto& [key, edges_mm] : heights_mm) {
    const bool first = before == nullptr || before->first != key.first;
    if (!first && edges_mm.first > covered_to_mm + tol_mm) {
      gaps.push_back({key.first, before->second, edges_mm.first - covered_to_mm});
    }
    covered_to_mm = first ? edges_mm.second : std::max(covered_to_mm, edges_mm.second);
    before = &key;
  }
  return gaps;
}

std::vector<std::size_t> IndicesOf(const std::vector<Station>& stations,
                                   const std::string& modality) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < stations.size(); ++i) {
    if (stations[i].modality == modality) indices.push_back(i);
  }
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) {
    const Station& left = stations[a];
    const Station& right = stations[b];
    if (left.station_idx != right.station_idx) return left.station_idx < right.station_idx;
    return left.b_s_per_mm2.value_or(0.0) < right.b_s_per_mm2.value_or(0.0);
  });
  return indices;
}

}  // namespace sap::preprocess
