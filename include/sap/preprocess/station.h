// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sap/image/volume.h"

namespace sap::preprocess {

// Canonical names of Station::modality. A Dixon in-phase that stands in for T1 is called T1.
inline constexpr const char* kT1 = "T1";
inline constexpr const char* kDwi = "DWI";

// One volume of one table position: a T1 station, or one b-value of a diffusion station.
struct Station {
  Volume image;                       // float32 [X, Y, Z], oriented to LPS
  std::string modality;               // kT1 or kDwi; the pipeline drops any other
  std::optional<double> b_s_per_mm2;  // diffusion only
  int station_idx = 0;                // within the modality, 0 = most inferior
  std::string sequence;               // rule or protocol that matched, free of identifiers
};

// What an input reader returns for one patient: the pipeline's whole input.
struct StationSet {
  std::string case_id;
  std::vector<Station> stations;     // any order
  std::string input_sha256;          // over all input files, order independent of the file names
  std::vector<std::string> notices;  // what a reader dropped or assumed, free of identifiers
};

// A volume of a station without its voxels: all that headers tell.
struct StationOutline {
  Geometry grid;
  std::string modality;
  std::optional<double> b_s_per_mm2;
  int station_idx = 0;
};
std::vector<StationOutline> OutlinesOf(const std::vector<Station>& stations);

// z of the grid's centre in LPS millimetres (towards the head).
double CentreZMm(const Geometry& grid);

// The box along the LPS axes that holds all voxels, edges included [mm].
struct LpsExtent {
  XyzDouble low_mm;
  XyzDouble high_mm;
};
LpsExtent ExtentOf(const Geometry& grid);

// Numbers the stations of each modality by the z of their centres, ascending; volumes of one
// modality whose centres lie within tol_mm in z (b-values of one position) share an index.
void NumberStations(std::vector<Station>& stations, double tol_mm = 1.0);
void NumberStations(std::vector<StationOutline>& stations, double tol_mm = 1.0);

// Height between two neighbouring stations of a modality that no image covers.
struct StationGap {
  std::string modality;
  int below_idx = 0;  // station_idx of the lower one
  double gap_mm = 0;  // between their outermost voxel edges
};

// Gaps of more than tol_mm, from the feet upward.
std::vector<StationGap> GapsOf(const std::vector<StationOutline>& stations, double tol_mm = 1.0);

// Indices into `stations` of one modality, by (station_idx, b ascending).
std::vector<std::size_t> IndicesOf(const std::vector<Station>& stations,
                                   const std::string& modality);

}  // namespace sap::preprocess
