// SPDX-License-Identifier: Apache-2.0
#include "phantom/dicom_elements.h"

#include <cstring>

#include <fmt/format.h>
#include <gdcmSequenceOfItems.h>

#include "sap/core/error.h"

namespace sap::phantom {
namespace {

template <typename T>
void Append(std::string& bytes, double value) {
  const T typed = static_cast<T>(value);
  bytes.append(reinterpret_cast<const char*>(&typed), sizeof(T));
}

}  // namespace

void PutBytes(gdcm::DataSet& data, gdcm::Tag tag, gdcm::VR::VRType vr, const std::string& bytes) {
  gdcm::DataElement element(tag);
  element.SetVR(vr);
  element.SetByteValue(bytes.data(), static_cast<uint32_t>(bytes.size()));
  data.Replace(element);
}

void PutText(gdcm::DataSet& data, gdcm::Tag tag, gdcm::VR::VRType vr, const std::string& text) {
  std::string padded = text;
  if (padded.size() % 2 != 0) padded += vr == gdcm::VR::UI ? '\0' : ' ';
  PutBytes(data, tag, vr, padded);
}

void PutNumbers(gdcm::DataSet& data,
                gdcm::Tag tag,
                gdcm::VR::VRType vr,
                const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) {
    switch (vr) {
      case gdcm::VR::FD:
        Append<double>(bytes, value);
        break;
      case gdcm::VR::FL:
        Append<float>(bytes, value);
        break;
      case gdcm::VR::US:
        Append<uint16_t>(bytes, value);
        break;
      case gdcm::VR::SS:
        Append<int16_t>(bytes, value);
        break;
      default:
        SAP_CHECK(false, "VR {}", static_cast<int64_t>(vr));
    }
  }
  PutBytes(data, tag, vr, bytes);
}

void PutItems(gdcm::DataSet& data, gdcm::Tag tag, const std::vector<gdcm::DataSet>& items) {
  gdcm::SmartPointer<gdcm::SequenceOfItems> sequence = new gdcm::SequenceOfItems;
  sequence->SetLengthToUndefined();
  for (const gdcm::DataSet& content : items) {
    gdcm::Item item;
    item.SetVLToUndefined();
    item.SetNestedDataSet(content);
    sequence->AddItem(item);
  }
  gdcm::DataElement element(tag);
  element.SetVR(gdcm::VR::SQ);
  element.SetValue(*sequence);
  element.SetVLToUndefined();
  data.Replace(element);
}

std::string DecimalText(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    if (!text.empty()) text += '\\';
    for (int digits = 15; digits > 0; --digits) {
      const std::string number = fmt::format("{:.{}g}", value, digits);
      if (number.size() > 16) continue;
      text += number;
      break;
    }
  }
  return text;
}

}  // namespace sap::phantom
