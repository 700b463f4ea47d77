// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sap/preprocess/sequence_rules.h"
#include "sap/preprocess/station.h"

namespace sap::preprocess {

// Reads one patient's stations from NIfTI files, in any of these layouts:
//   T1_1.nii.gz, DWI_1_b50.nii.gz          modality first, in one folder
//   T1/head.nii.gz, DWI/1.nii.gz           a folder per modality, file names free
//   1000/1.nii.gz                          a folder per b-value
// The modality's name goes through the sequence rules, so "mDIXON_IP" or "ep2d_diff" work too. A
// b-value comes from x.bval beside x.nii.gz (FSL), else from the JSON sidecar (DiffusionBValue),
// else from _b<value> in the name or a folder named by a number. A file with a fourth axis is
// split by b-value and averaged over directions; x.bvec is checked for its length only. What no
// rule names and derived maps (ADC) are left out with a notice. Sidecars' other keys are not read.
//
// Throws kInput or kGeometry naming case, file (as sap/preprocess/neutral_names.h says), value,
// rule and next step.
StationSet ReadNiftiStations(const std::filesystem::path& folder,
                             const std::string& case_id,
                             const SequenceRules& rules = DefaultSequenceRules());

// One line per file: modality, b-values, used or not and why. Reads no voxels.
std::string ListNiftiStations(const std::filesystem::path& folder,
                              const std::string& case_id,
                              const SequenceRules& rules = DefaultSequenceRules());

// The stations that would be read, numbered, without reading voxels. Throws what ReadNiftiStations
// would of names, b-values and grids, of all files at once.
std::vector<StationOutline> NiftiOutlines(const std::filesystem::path& folder,
                                          const std::string& case_id,
                                          const SequenceRules& rules = DefaultSequenceRules());

}  // namespace sap::preprocess
