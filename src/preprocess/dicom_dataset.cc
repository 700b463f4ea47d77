// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_dataset.h"

#include <cctype>
#include <cstdlib>
#include <cstring>

namespace sap::preprocess::dicom {
namespace {

std::string Trimmed(const std::string& text) {
  const auto is_pad = [](char c) {
    return c == '\0' || std::isspace(static_cast<unsigned char>(c));
  };
  std::size_t begin = 0, end = text.size();
  while (begin < end && is_pad(text[begin])) ++begin;
  while (end > begin && is_pad(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

std::string Bytes(const gdcm::DataElement& element) {
  const gdcm::ByteValue* value = element.GetByteValue();
  return value == nullptr ? std::string() : std::string(value->GetPointer(), value->GetLength());
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (true) {
    const auto end = text.find('\\', begin);
    words.push_back(Trimmed(text.substr(begin, end - begin)));
    if (end == std::string::npos) return words;
    begin = end + 1;
  }
}

template <typename T>
std::vector<double> Binary(const std::string& bytes) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    numbers.push_back(static_cast<double>(value));
  }
  return numbers;
}

std::vector<double> Decimal(const std::string& text) {
  std::vector<double> numbers;
  if (Trimmed(text).empty()) return numbers;
  for (const std::string& word : Split(text)) {
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    if (word.empty() || end != word.c_str() + word.size()) return {};
    numbers.push_back(value);
  }
  return numbers;
}

std::vector<double> NumbersOf(const gdcm::DataElement& element, As as) {
  const std::string bytes = Bytes(element);
  switch (static_cast<gdcm::VR::VRType>(element.GetVR())) {
    case gdcm::VR::FD:
      return Binary<double>(bytes);
    case gdcm::VR::FL:
      return Binary<float>(bytes);
    case gdcm::VR::US:
      return Binary<uint16_t>(bytes);
    case gdcm::VR::SS:
      return Binary<int16_t>(bytes);
    case gdcm::VR::UL:
      return Binary<uint32_t>(bytes);
    case gdcm::VR::SL:
      return Binary<int32_t>(bytes);
    case gdcm::VR::DS:
    case gdcm::VR::IS:
    case gdcm::VR::LO:
    case gdcm::VR::SH:
      return Decimal(bytes);
    default:
      break;
  }
  switch (as) {
    case As::kText:
      return Decimal(bytes);
    case As::kFloat64:
      return Binary<double>(bytes);
    case As::kFloat32:
      return Binary<float>(bytes);
    case As::kUint16:
      return Binary<uint16_t>(bytes);
  }
  return {};
}

}  // namespace

std::string Text(const gdcm::DataSet& data, const gdcm::Tag& tag) {
  return data.FindDataElement(tag) ? Trimmed(Bytes(data.GetDataElement(tag))) : "";
}

std::string Text(const gdcm::DataSet& data, const gdcm::PrivateTag& tag) {
  return data.FindDataElement(tag) ? Trimmed(Bytes(data.GetDataElement(tag))) : "";
}

std::string RawBytes(const gdcm::DataSet& data, const gdcm::PrivateTag& tag) {
  return data.FindDataElement(tag) ? Bytes(data.GetDataElement(tag)) : "";
}

std::vector<std::string> Words(const gdcm::DataSet& data, const gdcm::Tag& tag) {
  const std::string text = Text(data, tag);
  return text.empty() ? std::vector<std::string>() : Split(text);
}

std::vector<double> Numbers(const gdcm::DataSet& data, const gdcm::Tag& tag, As as) {
  return data.FindDataElement(tag) ? NumbersOf(data.GetDataElement(tag), as)
                                   : std::vector<double>();
}

std::vector<double> Numbers(const gdcm::DataSet& data, const gdcm::PrivateTag& tag, As as) {
  return data.FindDataElement(tag) ? NumbersOf(data.GetDataElement(tag), as)
                                   : std::vector<double>();
}

std::optional<double> Number(const gdcm::DataSet& data, const gdcm::Tag& tag, As as) {
  const std::vector<double> numbers = Numbers(data, tag, as);
  if (numbers.empty()) return std::nullopt;
  return numbers.front();
}

std::optional<XyzDouble> Vector(const gdcm::DataSet& data, const gdcm::Tag& tag, As as) {
  const std::vector<double> numbers = Numbers(data, tag, as);
  if (numbers.size() != 3) return std::nullopt;
  return XyzDouble{numbers[0], numbers[1], numbers[2]};
}

Sequence ItemsOf(const gdcm::DataSet& data, const gdcm::Tag& tag) {
  return data.FindDataElement(tag) ? data.GetDataElement(tag).GetValueAsSQ() : Sequence();
}

Sequence ItemsOf(const gdcm::DataSet& data, const gdcm::PrivateTag& tag) {
  return data.FindDataElement(tag) ? data.GetDataElement(tag).GetValueAsSQ() : Sequence();
}

}  // namespace sap::preprocess::dicom
