// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sap/core/axes.h"
#include "sap/image/volume.h"
#include "sap/phantom/stations.h"

// Writes DICOM MR images as scanners do, for tests of whatever reads them.
namespace sap::phantom {

struct DicomPatient {
  std::string name, id, birth_date, institution;
  // Further elements of each file, as text: {0x00081010, "SCANNER1"} is the Station Name.
  std::vector<std::pair<uint32_t, std::string>> more = {};
};

// One volume of one series. Slices are the third array axis.
struct DicomVolume {
  Volume stored;  // int16 [columns, rows, slices]: value = stored * slope + intercept
  std::string description, protocol;
  std::vector<std::string> image_type = {"ORIGINAL", "PRIMARY", "M", "NONE"};
  std::string philips_type;  // (2005,1011); empty: none
  int series_number = 1;
  int acquisition_number = 1;
  std::string study, series;                  // seeds of UIDs: equal seeds, equal UIDs
  std::string acquired = "20260101090000.0";  // date and time
  Vendor vendor = Vendor::kStandard;
  std::optional<double> b_s_per_mm2;
  std::optional<XyzDouble> gradient;
  std::string directionality;  // (0018,9075); empty: none
  bool ge_offset = false;      // GE adds 1e9 to the b-value
  double slope = 1, intercept = 0;
  std::optional<double> philips_scale;  // (2005,100E)
  std::set<int64_t> missing_slices;
  bool say_step = true;  // write Spacing Between Slices
};

// "2.25." and up to 38 digits that follow from the seed.
std::string UidFrom(const std::string& seed);

// One file per slice, named by the order of `instance_numbers` (one per slice; empty: 1, 2, ...).
// Returns the files.
std::vector<std::filesystem::path> WriteDicomSlices(const std::filesystem::path& folder,
                                                    const DicomVolume& volume,
                                                    const DicomPatient& patient,
                                                    const std::vector<int>& instance_numbers = {});

// One enhanced multi-frame file with the slices of all `volumes` (same size, same scale kind) in
// the order of `frame_order` (indices over all slices; empty: as they come).
void WriteEnhancedDicom(const std::filesystem::path& file,
                        const std::vector<DicomVolume>& volumes,
                        const DicomPatient& patient,
                        const std::vector<std::size_t>& frame_order = {});

}  // namespace sap::phantom
