// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_bvalue.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "preprocess/dicom_csa.h"
#include "preprocess/dicom_dataset.h"

namespace sap::preprocess::dicom {
namespace {

constexpr double kGeOffset = 1e9;
const gdcm::PrivateTag kSiemensB(0x0019, 0x0c, "SIEMENS MR HEADER");
const gdcm::PrivateTag kSiemensGradient(0x0019, 0x0e, "SIEMENS MR HEADER");
const gdcm::PrivateTag kSiemensCsa(0x0029, 0x10, "SIEMENS CSA HEADER");
const gdcm::PrivateTag kGeB(0x0043, 0x39, "GEMS_PARM_01");
const gdcm::PrivateTag kGeGradient[] = {gdcm::PrivateTag(0x0019, 0xbb, "GEMS_ACQU_01"),
                                        gdcm::PrivateTag(0x0019, 0xbc, "GEMS_ACQU_01"),
                                        gdcm::PrivateTag(0x0019, 0xbd, "GEMS_ACQU_01")};
const gdcm::PrivateTag kPhilipsB(0x2001, 0x03, "Philips Imaging DD 001");
const gdcm::PrivateTag kPhilipsGradient[] = {
    gdcm::PrivateTag(0x2005, 0xb0, "Philips MR Imaging DD 001"),
    gdcm::PrivateTag(0x2005, 0xb1, "Philips MR Imaging DD 001"),
    gdcm::PrivateTag(0x2005, 0xb2, "Philips MR Imaging DD 001")};

std::optional<double> CsaB(const gdcm::DataSet& data) {
  const std::vector<double> numbers = CsaNumbers(RawBytes(data, kSiemensCsa), "B_value");
  return numbers.empty() ? std::nullopt : std::optional<double>(numbers.front());
}

// ep_b1000t, *ep_b50#3: the only trace that some anonymised exports leave.
std::optional<double> SequenceNameB(const std::string& name) {
  static const std::regex pattern(R"(\*?ep_b(\d{1,5})([#t].*)?)");
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) return std::nullopt;
  return std::stod(match[1]);
}

std::optional<double> BValue(const gdcm::DataSet& data, const std::string& sequence_name) {
  if (const auto b = Number(data, gdcm::Tag(0x0018, 0x9087), As::kFloat64)) return b;
  for (const auto& [tag, as] : {std::pair{kSiemensB, As::kText},
                                std::pair{kGeB, As::kText},
                                std::pair{kPhilipsB, As::kFloat32}}) {
    const std::vector<double> numbers = Numbers(data, tag, as);
    if (!numbers.empty()) return numbers.front();
  }
  if (const auto b = CsaB(data)) return b;
  return SequenceNameB(sequence_name);
}

std::optional<XyzDouble> ThreeOf(const gdcm::DataSet& data,
                                 const gdcm::PrivateTag (&tags)[3],
                                 As as) {
  XyzDouble vector;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::vector<double> numbers = Numbers(data, tags[a], as);
    if (numbers.empty()) return std::nullopt;
    vector[a] = numbers.front();
  }
  return vector;
}

std::optional<XyzDouble> Gradient(const gdcm::DataSet& data) {
  // Enhanced objects nest the direction one level deeper.
  const Sequence nested = ItemsOf(data, gdcm::Tag(0x0018, 0x9076));
  if (nested && nested->GetNumberOfItems() > 0) {
    return Vector(nested->GetItem(1).GetNestedDataSet(), gdcm::Tag(0x0018, 0x9089), As::kFloat64);
  }
  if (const auto v = Vector(data, gdcm::Tag(0x0018, 0x9089), As::kFloat64)) return v;
  const std::vector<double> siemens = Numbers(data, kSiemensGradient, As::kFloat64);
  if (siemens.size() == 3) return XyzDouble{siemens[0], siemens[1], siemens[2]};
  if (const auto v = ThreeOf(data, kGeGradient, As::kText)) return v;
  return ThreeOf(data, kPhilipsGradient, As::kFloat32);
}

std::optional<Directionality> DirectionalityOf(const std::string& text) {
  if (text == "NONE") return Directionality::kNone;
  if (text == "DIRECTIONAL" || text == "BMATRIX") return Directionality::kDirectional;
  if (text == "ISOTROPIC") return Directionality::kIsotropic;
  return std::nullopt;
}

}  // namespace

double WithoutGeOffset(double b_s_per_mm2) {
  return b_s_per_mm2 >= kGeOffset ? std::fmod(b_s_per_mm2, kGeOffset) : b_s_per_mm2;
}

void ReadDiffusion(const gdcm::DataSet& data, const std::string& sequence_name, Frame& frame) {
  if (const auto b = BValue(data, sequence_name)) {
    // Vendors write -1 for "not diffusion"; nothing real lies beyond 1e5.
    const double value = WithoutGeOffset(*b);
    if (std::isfinite(value) && value >= 0 && value < 1e5) frame.b_s_per_mm2 = value;
  }
  if (const auto v = Gradient(data)) {
    const double length = std::hypot(v->x, v->y, v->z);
    if (length > 0.1 && std::isfinite(length)) {
      frame.gradient = XyzDouble{v->x / length, v->y / length, v->z / length};
    }
  }
  if (const auto d = DirectionalityOf(Text(data, gdcm::Tag(0x0018, 0x9075)))) {
    frame.directionality = *d;
  }
}

}  // namespace sap::preprocess::dicom
