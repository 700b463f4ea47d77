// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gdcmDataSet.h>
#include <gdcmItem.h>

// Puts values into a DICOM data set; an element that is there is replaced.
namespace sap::phantom {

void PutText(gdcm::DataSet& data, gdcm::Tag tag, gdcm::VR::VRType vr, const std::string& text);
void PutNumbers(gdcm::DataSet& data,  // FD, FL, US or SS
                gdcm::Tag tag,
                gdcm::VR::VRType vr,
                const std::vector<double>& values);
void PutBytes(gdcm::DataSet& data, gdcm::Tag tag, gdcm::VR::VRType vr, const std::string& bytes);
void PutItems(gdcm::DataSet& data, gdcm::Tag tag, const std::vector<gdcm::DataSet>& items);

// "1\2.5\3": at most 16 characters a number, as DS asks for.
std::string DecimalText(const std::vector<double>& values);

}  // namespace sap::phantom
