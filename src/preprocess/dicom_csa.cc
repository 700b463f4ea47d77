// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_csa.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sap::preprocess::dicom {
namespace {

constexpr std::size_t kNameBytes = 64;
constexpr int32_t kMostElements = 1024;
constexpr int32_t kMostItems = 4096;

// Reads forward; after a step beyond the end every further answer is 0 or empty.
class Cursor {
 public:
  Cursor(const std::string& bytes, std::size_t at) : bytes_(bytes), at_(at) {}
  int32_t Int() {
    int32_t value = 0;
    const std::string four = Take(sizeof(value));
    if (four.size() == sizeof(value)) std::memcpy(&value, four.data(), sizeof(value));
    return value;
  }
  std::string Take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      good_ = false;
      return "";
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  void Align() { at_ = std::min(bytes_.size(), (at_ + 3) / 4 * 4); }
  bool good() const { return good_; }

 private:
  const std::string& bytes_;
  std::size_t at_;
  bool good_ = true;
};

}  // namespace

std::vector<double> CsaNumbers(const std::string& header, const std::string& name) {
  const bool second_layout = header.compare(0, 4, "SV10") == 0;
  if (header.size() < 16) return {};
  Cursor cursor(header, second_layout ? 8 : 0);
  const int32_t num_elements = cursor.Int();
  cursor.Int();
  if (num_elements < 1 || num_elements > kMostElements) return {};
  int32_t first_count = 0;  // the first layout adds it to every length
  for (int32_t e = 0; e < num_elements && cursor.good(); ++e) {
    const std::string name_bytes = cursor.Take(kNameBytes);
    const bool wanted = std::strcmp(name_bytes.c_str(), name.c_str()) == 0;
    cursor.Take(12);  // multiplicity, type, type number
    const int32_t num_items = cursor.Int();
    cursor.Int();
    if (e == 0) first_count = num_items;
    if (num_items < 0 || num_items > kMostItems) return {};
    std::vector<double> numbers;
    for (int32_t i = 0; i < num_items && cursor.good(); ++i) {
      const int32_t first = cursor.Int(), second = cursor.Int();
      cursor.Take(8);
      const int32_t size = second_layout ? second : first - first_count;
      if (size < 0) return {};
      const std::string text = cursor.Take(static_cast<std::size_t>(size));
      cursor.Align();
      char* end = nullptr;
      const double value = std::strtod(text.c_str(), &end);
      if (end != text.c_str()) numbers.push_back(value);
    }
    if (wanted) return cursor.good() ? numbers : std::vector<double>();
  }
  return {};
}

}  // namespace sap::preprocess::dicom
