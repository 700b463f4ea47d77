// SPDX-License-Identifier: Apache-2.0
#include "image/nifti_header.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "sap/core/error.h"
#include "sap/core/log.h"

namespace sap {
namespace {

constexpr int64_t kNifti1Bytes = 348;
constexpr int64_t kNifti2Bytes = 540;
constexpr int64_t kLargestAxisVox = int64_t{1} << 20;
constexpr int64_t kLargestVolumeVox = int64_t{1} << 34;

static_assert(std::endian::native == std::endian::little, "byte swapping assumes little-endian");

// Typed fields of a header by byte offset, in the byte order of the file.
class Fields {
 public:
  Fields(const std::array<unsigned char, kNifti2Bytes>& bytes, bool swap)
      : bytes_(bytes), swap_(swap) {}

  template <typename T>
  T Get(std::size_t offset) const {
    SAP_CHECK(offset + sizeof(T) <= bytes_.size());
    std::array<unsigned char, sizeof(T)> raw{};
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), sizeof(T), raw.begin());
    if (swap_) std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }
  // Element `index` of an array that holds type A in NIfTI-1 and B in NIfTI-2.
  template <typename A, typename B>
  B Get(bool is_nifti2, std::size_t offset1, std::size_t offset2, std::size_t index = 0) const {
    return is_nifti2 ? Get<B>(offset2 + index * sizeof(B))
                     : static_cast<B>(Get<A>(offset1 + index * sizeof(A)));
  }
  std::string_view Text(std::size_t offset, std::size_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + offset, size};
  }

 private:
  const std::array<unsigned char, kNifti2Bytes>& bytes_;
  bool swap_;
};

VoxelType TypeOfCode(int code, int bits, const std::string& name) {
  static const std::map<int, VoxelType> kTypes = {{2, VoxelType::kUint8},
                                                  {256, VoxelType::kInt8},
                                                  {512, VoxelType::kUint16},
                                                  {4, VoxelType::kInt16},
                                                  {768, VoxelType::kUint32},
                                                  {8, VoxelType::kInt32},
                                                  {1280, VoxelType::kUint64},
                                                  {1024, VoxelType::kInt64},
                                                  {16, VoxelType::kFloat32},
                                                  {64, VoxelType::kFloat64}};
  static const std::map<int, const char*> kRefused = {{0, "unknown"},
                                                      {1, "binary (1 bit)"},
                                                      {32, "complex64"},
                                                      {128, "RGB24"},
                                                      {1536, "float128"},
                                                      {1792, "complex128"},
                                                      {2048, "complex256"},
                                                      {2304, "RGBA32"}};
  const auto refused = kRefused.find(code);
  SAP_REQUIRE(ErrorKind::kInput,
              refused == kRefused.end(),
              "{}: voxels are {} (datatype {}); one real number a voxel is needed: convert the "
              "image to a scalar type",
              name,
              refused->second,
              code);
  const auto found = kTypes.find(code);
  SAP_REQUIRE(ErrorKind::kInput,
              found != kTypes.end(),
              "{}: datatype {} is not a NIfTI type; the header is damaged",
              name,
              code);
  SAP_REQUIRE(ErrorKind::kInput,
              bits == 8 * VoxelBytes(found->second),
              "{}: bitpix {} does not fit datatype {}; the header is damaged",
              name,
              bits,
              code);
  return found->second;
}

XyzInt CheckedSize(const std::array<int64_t, 8>& dim, const std::string& name, bool is_series) {
  SAP_REQUIRE(ErrorKind::kInput,
              dim[0] >= 2 && dim[0] <= 7,
              "{}: dim[0] is {}; a volume has 3 axes",
              name,
              dim[0]);
  XyzInt size_vox{1, 1, 1};
  for (int64_t d = 1; d <= dim[0]; ++d) {
    const int64_t size = dim[static_cast<std::size_t>(d)];
    SAP_REQUIRE(ErrorKind::kInput,
                size >= 1 && size <= kLargestAxisVox,
                "{}: dim[{}] is {}; an axis has 1 to {} voxels",
                name,
                d,
                size,
                kLargestAxisVox);
    if (d <= 3) size_vox[static_cast<std::size_t>(d - 1)] = size;
    SAP_REQUIRE(ErrorKind::kInput,
                d <= 3 || size == 1 || (d == 4 && is_series),
                "{}: dim[{}] is {}, so the file holds more than one volume; split it (for "
                "diffusion, one file per b-value) and name the one to read",
                name,
                d,
                size);
  }
  SAP_REQUIRE(ErrorKind::kInput,
              size_vox.Product() <= kLargestVolumeVox,
              "{}: {} voxels are more than this program reads",
              name,
              size_vox);
  return size_vox;
}

// Slope 0 and NaN mean "not set" (NIfTI-1 standard; nibabel writes NaN): stored values are meant.
void ResolveScaling(NiftiHeader& header, double slope, double intercept, const std::string& name) {
  if (slope == 0.0 || std::isnan(slope)) {
    if (std::isfinite(intercept) && intercept != 0.0) {
      log::Warning("{}: scl_slope is {}, so scl_inter {} is not applied: stored values are used",
                   name,
                   slope,
                   intercept);
    }
    return;
  }
  SAP_REQUIRE(ErrorKind::kInput,
              std::isfinite(slope) && std::isfinite(intercept),
              "{}: scl_slope {} and scl_inter {} are not a scaling; write the image again with "
              "finite values, or slope 0 for none",
              name,
              slope,
              intercept);
  header.slope = slope;
  header.intercept = intercept;
}

double MmPerUnit(int xyzt_units, const std::string& name) {
  switch (xyzt_units & 7) {
    case 0:  // not said: millimetres, as every reader of the field has it
    case 2:
      return 1.0;
    case 1:
      return 1000.0;
    case 3:
      return 0.001;
    default:
      Fail(ErrorKind::kGeometry,
           "{}: space unit {} is not a NIfTI unit (1 metre, 2 mm, 3 micron); correct xyzt_units",
           name,
           xyzt_units & 7);
  }
}

int64_t CheckedOffset(double offset, bool is_nifti2, const std::string& name) {
  const double least = is_nifti2 ? 544.0 : 352.0;
  SAP_REQUIRE(ErrorKind::kInput,
              offset >= least && offset <= 4e9 && offset == std::floor(offset),
              "{}: vox_offset is {}; in a single file voxels start at byte {} or later: the "
              "header is damaged",
              name,
              offset,
              least);
  return static_cast<int64_t>(offset);
}

void CheckMagic(std::string_view magic, bool is_nifti2, const std::string& name) {
  const std::string_view version = is_nifti2 ? "2" : "1";
  SAP_REQUIRE(ErrorKind::kInput,
              magic.substr(0, 2) != "ni" || magic.substr(2, 1) != version,
              "{}: a NIfTI header whose voxels are in another file (.hdr and .img); convert the "
              "pair to one .nii.gz",
              name);
  SAP_REQUIRE(ErrorKind::kInput,
              magic.substr(0, 2) == "n+" && magic.substr(2, 1) == version && magic[3] == '\0',
              "{}: no NIfTI mark in the header (Analyze 7.5 files do not say where the patient's "
              "left is); convert to NIfTI with a tool that knows their origin",
              name);
}

void ReadPlacement(const Fields& fields, bool is_nifti2, NiftiHeader& header) {
  header.qform_code = fields.Get<int16_t, int32_t>(is_nifti2, 252, 344);
  header.sform_code = fields.Get<int16_t, int32_t>(is_nifti2, 254, 348);
  for (std::size_t i = 0; i < 8; ++i) {
    header.pixdim[i] = fields.Get<float, double>(is_nifti2, 76, 104, i);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    header.quaternion[i] = fields.Get<float, double>(is_nifti2, 256, 352, i);
    header.qoffset[i] = fields.Get<float, double>(is_nifti2, 268, 376, i);
    for (std::size_t c = 0; c < 4; ++c) {
      header.srow[i][c] = fields.Get<float, double>(is_nifti2, 280, 400, 4 * i + c);
    }
  }
}

}  // namespace

NiftiHeader ReadNiftiHeader(ByteSource& source, int64_t& header_bytes, int64_t* num_volumes) {
  const std::string& name = source.name();
  std::array<unsigned char, kNifti2Bytes> bytes{};
  int64_t got = source.Read(bytes.data(), kNifti1Bytes);
  const auto require_bytes = [&](int64_t needed) {
    SAP_REQUIRE(ErrorKind::kInput,
                got == needed,
                "{}: {} bytes are too few for a NIfTI header of {}; copy the file again",
                name,
                got,
                needed);
  };
  require_bytes(kNifti1Bytes);
  bool is_nifti2 = false;
  NiftiHeader header;
  const auto size_plain = Fields(bytes, false).Get<int32_t>(0);
  const auto size_swapped = Fields(bytes, true).Get<int32_t>(0);
  header.swap_bytes = size_swapped == kNifti1Bytes || size_swapped == kNifti2Bytes;
  is_nifti2 = size_plain == kNifti2Bytes || size_swapped == kNifti2Bytes;
  SAP_REQUIRE(ErrorKind::kInput,
              header.swap_bytes || is_nifti2 || size_plain == kNifti1Bytes,
              "{}: the first number is {}, and a NIfTI header starts with 348 or 540; is it a "
              "NIfTI file?",
              name,
              size_plain);
  if (is_nifti2) {
    got += source.Read(bytes.data() + kNifti1Bytes, kNifti2Bytes - kNifti1Bytes);
    require_bytes(kNifti2Bytes);
  }
  header_bytes = got;
  const Fields fields(bytes, header.swap_bytes);
  CheckMagic(fields.Text(is_nifti2 ? 4 : 344, 4), is_nifti2, name);
  std::array<int64_t, 8> dim{};
  for (std::size_t d = 0; d < 8; ++d) dim[d] = fields.Get<int16_t, int64_t>(is_nifti2, 40, 16, d);
  header.size_vox = CheckedSize(dim, name, num_volumes != nullptr);
  if (num_volumes != nullptr) *num_volumes = dim[0] >= 4 ? dim[4] : 1;
  header.voxel_type = TypeOfCode(
      fields.Get<int16_t>(is_nifti2 ? 12 : 70), fields.Get<int16_t>(is_nifti2 ? 14 : 72), name);
  const double offset = is_nifti2 ? static_cast<double>(fields.Get<int64_t>(168))
                                  : static_cast<double>(fields.Get<float>(108));
  header.first_voxel_byte = CheckedOffset(offset, is_nifti2, name);
  ResolveScaling(header,
                 fields.Get<float, double>(is_nifti2, 112, 176),
                 fields.Get<float, double>(is_nifti2, 116, 184),
                 name);
  ReadPlacement(fields, is_nifti2, header);
  const int units = is_nifti2 ? fields.Get<int32_t>(500) : fields.Get<uint8_t>(123);
  header.mm_per_unit = MmPerUnit(units, name);
  return header;
}

}  // namespace sap
