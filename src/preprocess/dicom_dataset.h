// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gdcmDataSet.h>
#include <gdcmPrivateTag.h>
#include <gdcmSequenceOfItems.h>

#include "sap/core/axes.h"

// Values of DICOM data elements, whatever the transfer syntax. In implicit syntaxes, and for
// private elements that a server stored as UN, the file does not say how a value is written: the
// caller does.
namespace sap::preprocess::dicom {

enum class As { kText, kFloat64, kFloat32, kUint16 };

// The element's text without padding; empty when missing.
std::string Text(const gdcm::DataSet& data, const gdcm::Tag& tag);
// The text split at backslashes.
std::vector<std::string> Words(const gdcm::DataSet& data, const gdcm::Tag& tag);

// Numbers; empty when missing or not numbers. `as` counts where the file does not say.
std::vector<double> Numbers(const gdcm::DataSet& data, const gdcm::Tag& tag, As as);
// A private element is used only behind its own creator (group, element byte, creator).
std::vector<double> Numbers(const gdcm::DataSet& data, const gdcm::PrivateTag& tag, As as);
std::string Text(const gdcm::DataSet& data, const gdcm::PrivateTag& tag);
std::string RawBytes(const gdcm::DataSet& data, const gdcm::PrivateTag& tag);  // with padding

std::optional<double> Number(const gdcm::DataSet& data, const gdcm::Tag& tag, As as);
std::optional<XyzDouble> Vector(const gdcm::DataSet& data, const gdcm::Tag& tag, As as);

// The first item of a sequence; nullptr when there is none. Valid as long as `sequence` lives.
using Sequence = gdcm::SmartPointer<gdcm::SequenceOfItems>;
Sequence ItemsOf(const gdcm::DataSet& data, const gdcm::Tag& tag);
Sequence ItemsOf(const gdcm::DataSet& data, const gdcm::PrivateTag& tag);

}  // namespace sap::preprocess::dicom
