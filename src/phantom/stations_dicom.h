// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "phantom/stations_scan.h"

namespace sap::phantom {

// Writes the stations as a scanner's export: shuffled Instance Numbers, one T1 series per station,
// one diffusion series for all, derived ADC maps, `vendor`'s b-value tags, and for Philips a
// display slope per station.
void WriteStationsAsDicom(const std::filesystem::path& folder,
                          const std::vector<ScannedStation>& stations,
                          const std::string& case_id,
                          Vendor vendor,
                          DicomVariant variant,
                          uint64_t seed);

}  // namespace sap::phantom
