// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sap/image/volume.h"
#include "sap/preprocess/sequence_rules.h"
#include "sap/preprocess/station.h"

namespace sap::preprocess {

struct DicomOptions {
  SequenceRules rules = DefaultSequenceRules();
  int min_slices = 3;               // shorter stacks are scouts
  bool philips_precise = true;      // undo Philips' display scaling, which differs between stations
  bool by_instance_number = false;  // the authors' fault 6, for comparison (§1.12)
};

// One line of the listing: the volumes of a series that share a fate.
struct DicomListingEntry {
  int series_number = 0;
  std::string sequence;  // name of the rule; empty: none matches
  bool used = false;
  std::string why;  // "T1 station", "derived map (ADC)"; free of identifiers
  int num_volumes = 0;
  int64_t num_slices = 0;
  std::vector<double> b_s_per_mm2;  // distinct, ascending
  std::string description;          // free text of the header: may identify the patient
};

struct DicomListing {
  std::vector<DicomListingEntry> entries;  // by series number
  std::vector<std::string> left_out;       // files that are no MR images: how many and why
  std::vector<std::string> remarks;        // what lowers the worth of what is used
  std::vector<std::string> faults;         // what ReadDicomStations would refuse

  // For people. Descriptions are printed only when asked for, under a line that says what they
  // are.
  std::string Text(bool with_descriptions = false) const;
};

// One acquired volume on its own grid, before directions are averaged.
struct DicomVolume {
  Volume image;          // float32 [columns, rows, slices]
  std::string sequence;  // name of the rule
  std::string modality;  // kT1 or kDwi
  std::optional<double> b_s_per_mm2;
  std::optional<XyzDouble> gradient;  // unit vector as the vendor writes it
  int series_number = 0;
};

// Whether a folder, or one below it, holds a DICOM file. Looks at the first bytes only.
bool HoldsDicom(const std::filesystem::path& folder);

// sha256 over the contents of all files below `folder`, whatever their names.
std::string HashOfContents(const std::filesystem::path& folder);

// What would be read of a patient's folder, without reading voxels. Throws kInput when the folder
// holds two patients or no DICOM.
DicomListing ListDicom(const std::filesystem::path& folder,
                       const std::string& case_id,
                       const DicomOptions& options = {});

// The volumes that the listing calls used, numbered, without reading voxels; directions of one
// b-value apart. Throws what ReadDicomVolumes would of headers.
std::vector<StationOutline> DicomOutlines(const std::filesystem::path& folder,
                                          const std::string& case_id,
                                          const DicomOptions& options = {});

// The volumes that the listing calls used, sorted by sequence, b-value and height.
// Throws kInput with all faults at once: missing slices with their positions, uneven steps, images
// without a place or with axes that are not orthonormal, damaged voxels, two patients. Messages
// name a file as sap/preprocess/neutral_names.h says, and never one that holds a part of the
// patient's name, number or birth date.
std::vector<DicomVolume> ReadDicomVolumes(const std::filesystem::path& folder,
                                          const std::string& case_id,
                                          const DicomOptions& options = {});

// The same as stations: LPS, directions of one b-value averaged (arithmetic mean). Nothing of the
// header goes into the result but sequence names, series numbers and b-values.
StationSet ReadDicomStations(const std::filesystem::path& folder,
                             const std::string& case_id,
                             const DicomOptions& options = {});

}  // namespace sap::preprocess
