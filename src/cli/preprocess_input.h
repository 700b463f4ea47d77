// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/preprocess_cases.h"
#include "cli/preprocess_options.h"
#include "sap/preprocess/station.h"

namespace sap::cli {

// Those of a patient throw sap::Error alone, whatever a library threw below; its message begins
// with the case id and holds no path or name of the patient's folder and files (preprocessing
// §4.4).

// Throws kOption unless options.sequences is empty or a table that can be read.
void RequireSequences(const PreprocessOptions& options);

// sha256 over a patient's files and the sequence table, without reading an image.
std::string InputHash(const Patient& patient, const PreprocessOptions& options);

// The patient's stations, in memory, oriented to LPS: from DICOM where the folder holds any, else
// from NIfTI.
preprocess::StationSet ReadPatient(const Patient& patient, const PreprocessOptions& options);

// What ReadPatient would use, leave out or refuse, and why; reads headers only.
std::string ListPatient(const Patient& patient, const PreprocessOptions& options);

// The stations that ReadPatient would return, without their voxels; reads headers only.
std::vector<preprocess::StationOutline> OutlinePatient(const Patient& patient,
                                                       const PreprocessOptions& options);

}  // namespace sap::cli
