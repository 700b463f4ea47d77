// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

#include <ATen/ATen.h>
#include <zlib.h>

#include "image/byte_source.h"
#include "image/matrix3.h"
#include "image/nifti_file.h"
#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap {
namespace {

constexpr std::size_t kHeaderBytes = 352;  // with the four bytes that say "no extension"
constexpr int kGzipWindow = MAX_WBITS + 16;
constexpr int64_t kLargestAxisVox = 32767;

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// A file that is compressed on the way when asked; nothing in it depends on the time of day.
class ByteTarget {
 public:
  ByteTarget(const std::filesystem::path& path, std::string name, bool compress, int zlib_strategy)
      : name_(std::move(name)), file_(std::fopen(path.c_str(), "wb")), compress_(compress) {
    if (file_ == nullptr) FailIo();
    if (compress_) {
      SAP_CHECK(deflateInit2(&zlib_, 1, Z_DEFLATED, kGzipWindow, 9, zlib_strategy) == Z_OK);
    }
  }
  ByteTarget(const ByteTarget&) = delete;
  ByteTarget& operator=(const ByteTarget&) = delete;
  ~ByteTarget() {
    if (compress_) deflateEnd(&zlib_);
  }

  void Write(const void* from, int64_t size) {
    const auto* bytes = static_cast<const unsigned char*>(from);
    while (size > 0) {
      const int64_t piece = std::min<int64_t>(size, int64_t{1} << 30);
      if (compress_) {
        Deflate(bytes, piece, Z_NO_FLUSH);
      } else {
        WriteFile(bytes, static_cast<std::size_t>(piece));
      }
      bytes += piece;
      size -= piece;
    }
  }

  void Finish() {
    if (compress_) Deflate(nullptr, 0, Z_FINISH);
    if (std::fflush(file_.get()) != 0) FailIo();
  }

 private:
  [[noreturn]] void FailIo() {
    Fail(ErrorKind::kIo,
         "{}: cannot be written: {}; check the free space and the folder's permissions",
         name_,
         std::generic_category().message(errno));
  }
  void WriteFile(const void* from, std::size_t size) {
    if (std::fwrite(from, 1, size, file_.get()) != size) FailIo();
  }
  void Deflate(const unsigned char* from, int64_t size, int flush) {
    zlib_.next_in = const_cast<unsigned char*>(from);
    zlib_.avail_in = static_cast<uInt>(size);
    do {
      zlib_.next_out = buffer_.data();
      zlib_.avail_out = static_cast<uInt>(buffer_.size());
      SAP_CHECK(deflate(&zlib_, flush) != Z_STREAM_ERROR);
      WriteFile(buffer_.data(), buffer_.size() - zlib_.avail_out);
    } while (zlib_.avail_out == 0);
  }

  std::string name_;
  std::unique_ptr<std::FILE, FileClose> file_;
  bool compress_;
  z_stream zlib_{};
  std::vector<unsigned char> buffer_ = std::vector<unsigned char>(std::size_t{1} << 18);
};

struct TypeCode {
  int16_t datatype;
  int16_t bits;
};

TypeCode CodeOf(at::ScalarType dtype, const std::string& name) {
  switch (dtype) {
    case at::kByte:
      return {2, 8};
    case at::kShort:
      return {4, 16};
    case at::kInt:
      return {8, 32};
    case at::kFloat:
      return {16, 32};
    default:
      Fail(ErrorKind::kBug, "{}: {} is not a voxel type to write", name, at::toString(dtype));
  }
}

// Quaternion (b, c, d) of a proper rotation; a = sqrt(1 - b2 - c2 - d2) >= 0 is implied.
std::array<double, 3> QuaternionOf(const Matrix3& r) {
  // The largest of the four components is found first, so that no division is by a small number.
  const std::array<double, 4> four_squares = {1.0 + r[0][0] + r[1][1] + r[2][2],
                                              1.0 + r[0][0] - r[1][1] - r[2][2],
                                              1.0 - r[0][0] + r[1][1] - r[2][2],
                                              1.0 - r[0][0] - r[1][1] + r[2][2]};
  const auto largest = std::max_element(four_squares.begin(), four_squares.end());
  const double scale = 2.0 * std::sqrt(*largest);
  std::array<double, 4> q{};
  switch (largest - four_squares.begin()) {
    case 0:
      q = {scale / 4,
           (r[2][1] - r[1][2]) / scale,
           (r[0][2] - r[2][0]) / scale,
           (r[1][0] - r[0][1]) / scale};
      break;
    case 1:
      q = {(r[2][1] - r[1][2]) / scale,
           scale / 4,
           (r[0][1] + r[1][0]) / scale,
           (r[0][2] + r[2][0]) / scale};
      break;
    case 2:
      q = {(r[0][2] - r[2][0]) / scale,
           (r[0][1] + r[1][0]) / scale,
           scale / 4,
           (r[1][2] + r[2][1]) / scale};
      break;
    default:
      q = {(r[1][0] - r[0][1]) / scale,
           (r[0][2] + r[2][0]) / scale,
           (r[1][2] + r[2][1]) / scale,
           scale / 4};
  }
  const double sign = q[0] < 0.0 ? -1.0 : 1.0;
  return {sign * q[1], sign * q[2], sign * q[3]};
}

// Interpolated or filtered voxels hold nothing that recurs but runs of background: looking for more
// takes twice as long and makes the file larger (docs/benchmarks/preprocessing.md). Whole numbers
// recur.
int ZlibStrategy(const Tensor& data_XYZ) {
  if (data_XYZ.scalar_type() != at::kFloat) return Z_DEFAULT_STRATEGY;
  const float* values = data_XYZ.data_ptr<float>();
  const bool whole = std::all_of(
      values, values + data_XYZ.numel(), [](float value) { return value == std::trunc(value); });
  return whole ? Z_DEFAULT_STRATEGY : Z_RLE;
}

using Header = std::array<unsigned char, kHeaderBytes>;

template <typename T>
void Put(Header& header, std::size_t offset, T value) {
  std::memcpy(header.data() + offset, &value, sizeof(T));
}

void PutPlacement(Header& header, const Geometry& grid) {
  Matrix3 ras = grid.direction;
  XyzDouble offset_mm = grid.origin_mm;
  for (std::size_t r = 0; r < 2; ++r) {
    for (double& value : ras[r]) value = -value + 0.0;
    offset_mm[r] = -offset_mm[r] + 0.0;
  }
  const double qfac = matrix3::Determinant(ras) < 0.0 ? -1.0 : 1.0;
  Put(header, 76, static_cast<float>(qfac));
  Matrix3 rotation = ras;
  for (std::size_t r = 0; r < 3; ++r) rotation[r][2] *= qfac;
  const std::array<double, 3> quaternion = QuaternionOf(rotation);
  for (std::size_t i = 0; i < 3; ++i) {
    Put(header, 80 + 4 * i, static_cast<float>(grid.spacing_mm[i]));
    Put(header, 256 + 4 * i, static_cast<float>(quaternion[i]));
    Put(header, 268 + 4 * i, static_cast<float>(offset_mm[i]));
    for (std::size_t c = 0; c < 3; ++c) {
      Put(header, 280 + 16 * i + 4 * c, static_cast<float>(ras[i][c] * grid.spacing_mm[c]));
    }
    Put(header, 280 + 16 * i + 12, static_cast<float>(offset_mm[i]));
  }
  Put(header, 252, int16_t{1});  // scanner coordinates
  Put(header, 254, int16_t{1});
}

Header HeaderOf(const Volume& volume, const std::string& name) {
  Header header{};
  Put(header, 0, int32_t{348});
  header[38] = 'r';  // "regular", which old readers ask for
  Put(header, 40, int16_t{3});
  for (std::size_t a = 0; a < 3; ++a) {
    const int64_t size = volume.geometry().size_vox[a];
    SAP_REQUIRE(ErrorKind::kGeometry,
                size <= kLargestAxisVox,
                "{}: an axis of {} voxels is longer than NIfTI-1 can say ({}); write .nrrd or .mha",
                name,
                size,
                kLargestAxisVox);
    Put(header, 42 + 2 * a, static_cast<int16_t>(size));
  }
  for (std::size_t d = 4; d < 8; ++d) Put(header, 40 + 2 * d, int16_t{1});
  const TypeCode code = CodeOf(volume.data().scalar_type(), name);
  Put(header, 70, code.datatype);
  Put(header, 72, code.bits);
  Put(header, 108, static_cast<float>(kHeaderBytes));
  Put(header, 112, 1.0F);
  header[123] = 2;  // millimetres
  PutPlacement(header, volume.geometry());
  std::memcpy(header.data() + 344, "n+1", 4);
  return header;
}

}  // namespace

void WriteNifti(const std::filesystem::path& path, const Volume& volume) {
  const std::string name = ShortName(path);
  const Header header = HeaderOf(volume, name);
  const bool compress = path.extension() == ".gz";
  WriteFileAtomically(path, [&](const std::filesystem::path& temporary) {
    ByteTarget target(temporary, name, compress, ZlibStrategy(volume.data()));
    target.Write(header.data(), kHeaderBytes);
    StreamFromTensor(volume.data(),
                     [&](const void* from, int64_t size) { target.Write(from, size); });
    target.Finish();
  });
}

}  // namespace sap
