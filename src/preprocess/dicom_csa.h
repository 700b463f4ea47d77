// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sap::preprocess::dicom {

// Numbers of one named element of a Siemens private header (0029,1010), first or second layout.
// Empty when the element is missing or the header is damaged. GDCM's own reader ends the program
// on damage, so it is not used.
std::vector<double> CsaNumbers(const std::string& header, const std::string& name);

}  // namespace sap::preprocess::dicom
