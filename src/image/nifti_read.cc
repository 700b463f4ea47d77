// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <vector>

#include "image/nifti_file.h"
#include "image/nifti_header.h"
#include "sap/core/error.h"
#include "sap/core/log.h"

namespace sap {
namespace {

// The rest of the stream must be shorter than a slice and all zero: padding. Anything else means
// that the header does not describe the voxels. Reading to the end also checks the gzip CRC.
void RequireOnlyPadding(ByteSource& source, int64_t slice_bytes) {
  std::vector<unsigned char> rest(static_cast<std::size_t>(slice_bytes));
  const int64_t got = source.Read(rest.data(), slice_bytes);
  const bool zeros =
      std::all_of(rest.begin(), rest.begin() + got, [](unsigned char b) { return b == 0; });
  SAP_REQUIRE(ErrorKind::kInput,
              got < slice_bytes && zeros,
              "{}: more data follows the voxels that the header describes, so the header does not "
              "belong to them; write the image again with the tool that made it",
              source.name());
  if (got > 0) log::Warning("{}: {} zero bytes behind the voxels are ignored", source.name(), got);
}

// Reads the volumes of one file in order; without `is_series` there is exactly one.
void ReadInto(const std::filesystem::path& path,
              const std::string& name,
              VoxelTarget target,
              bool is_series,
              const std::function<void(int64_t index, const Volume& volume)>& visit) {
  ByteSource source(path, 0, ByteSource::Content::kDetect, name);
  int64_t header_bytes = 0, num_volumes = 1;
  const NiftiHeader header =
      ReadNiftiHeader(source, header_bytes, is_series ? &num_volumes : nullptr);
  const Geometry grid = GridOfNifti(header, source.name());
  const int64_t voxel_bytes = VoxelBytes(header.voxel_type);
  const int64_t data_bytes = header.size_vox.Product() * num_volumes * voxel_bytes;
  const auto fail_truncated = [&](int64_t missing_bytes) {
    Fail(ErrorKind::kInput,
         "{}: the file ends {} bytes before the last voxel of {} (truncated file); copy it again "
         "from its source",
         source.name(),
         missing_bytes,
         header.size_vox);
  };
  const int64_t missing_bytes = header.first_voxel_byte + data_bytes - source.LargestPossibleSize();
  if (missing_bytes > 0) fail_truncated(missing_bytes);
  const int64_t gap_bytes = header.first_voxel_byte - header_bytes;
  const int64_t skipped_bytes = source.Skip(gap_bytes);
  if (skipped_bytes < gap_bytes) fail_truncated(gap_bytes - skipped_bytes + data_bytes);

  int64_t done_bytes = 0;
  const auto read = [&](void* to, int64_t size) {
    const int64_t got = source.Read(to, size);
    done_bytes += got;
    if (got < size) fail_truncated(data_bytes - done_bytes);
  };
  const StoredVoxels stored{
      header.size_vox, header.voxel_type, header.swap_bytes, header.slope, header.intercept};
  for (int64_t i = 0; i < num_volumes; ++i) {
    visit(i, Volume(TensorFromStream(stored, target, read, source.name()), grid));
  }
  RequireOnlyPadding(source, header.size_vox.x * header.size_vox.y * voxel_bytes);
}

}  // namespace

Volume ReadNifti(const std::filesystem::path& path, VoxelTarget target, const std::string& name) {
  Volume result;
  ReadInto(path, name, target, /*is_series=*/false, [&](int64_t, const Volume& v) { result = v; });
  return result;
}

void ReadNiftiSeries(const std::filesystem::path& path,
                     const std::string& name,
                     const std::function<void(int64_t index, const Volume& volume)>& visit) {
  ReadInto(path, name, VoxelTarget::kIntensity, /*is_series=*/true, visit);
}

Geometry ReadNiftiGeometry(const std::filesystem::path& path, const std::string& name) {
  ByteSource source(path, 0, ByteSource::Content::kDetect, name);
  int64_t header_bytes = 0;
  const NiftiHeader header = ReadNiftiHeader(source, header_bytes);
  return GridOfNifti(header, source.name());
}

}  // namespace sap
