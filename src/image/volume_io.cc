// SPDX-License-Identifier: Apache-2.0
#include "sap/image/volume_io.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <string>

#include <ATen/ATen.h>

#include "image/byte_source.h"
#include "image/itk_file.h"
#include "image/nifti_file.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

enum class Format { kNifti, kItk };

Format FormatOf(const std::filesystem::path& path) {
  const std::string file = path.filename().string();
  if (file.ends_with(".nii") || file.ends_with(".nii.gz")) return Format::kNifti;
  if (file.ends_with(".mha") || file.ends_with(".nrrd")) return Format::kItk;
  Fail(ErrorKind::kInput,
       "{}: the name must end in .nii, .nii.gz, .mha or .nrrd; convert other formats first",
       ShortName(path));
}

void RequireFinite(const Volume& volume, const std::string& name) {
  const Tensor& data_XYZ = volume.data();
  const float* values = data_XYZ.data_ptr<float>();
  std::atomic<int64_t> first{data_XYZ.numel()};
  std::atomic<int64_t> count{0};
  ParallelFor(data_XYZ.numel(), int64_t{1} << 20, [&](int64_t begin, int64_t end) {
    int64_t found = 0;
    for (int64_t i = begin; i < end; ++i) {
      if (std::isfinite(values[i])) continue;
      int64_t known = first;
      while (i < known && !first.compare_exchange_weak(known, i)) continue;
      ++found;
    }
    count += found;
  });
  if (count == 0) return;
  const XyzInt& size_vox = volume.geometry().size_vox;
  const int64_t at = first;
  Fail(ErrorKind::kInput,
       "{}: {} NaN or infinite, the first at ({}, {}, {}); replace what is by the background value",
       name,
       count == 1 ? "1 voxel is" : fmt::format("{} voxels are", count.load()),
       at / (size_vox.y * size_vox.z),
       at / size_vox.z % size_vox.y,
       at % size_vox.z);
}

void RequireFile(const std::filesystem::path& path, const std::string& name) {
  std::error_code code;
  SAP_REQUIRE(ErrorKind::kIo,
              std::filesystem::is_regular_file(path, code),
              "{}: there is no such file; check the path",
              name);
}

std::string NameOf(const std::filesystem::path& path, const ReadVolumeOptions& options) {
  return options.name.empty() ? ShortName(path) : options.name;
}

Volume Read(const std::filesystem::path& path, VoxelTarget target, const std::string& name) {
  const Format format = FormatOf(path);
  RequireFile(path, name);
  return format == Format::kNifti ? ReadNifti(path, target, name) : ReadThroughItk(path, target);
}

}  // namespace

Volume ReadVolume(const std::filesystem::path& path, const ReadVolumeOptions& options) {
  const std::string name = NameOf(path, options);
  Volume volume = Read(path, VoxelTarget::kIntensity, name);
  if (!options.allow_nan) RequireFinite(volume, name);
  return volume;
}

int64_t ReadVolumeSeries(const std::filesystem::path& path,
                         const std::function<void(int64_t index, const Volume& volume)>& visit,
                         const ReadVolumeOptions& options) {
  const std::string name = NameOf(path, options);
  SAP_REQUIRE(ErrorKind::kInput,
              FormatOf(path) == Format::kNifti,
              "{}: several volumes in one file are read from NIfTI only; convert it",
              name);
  RequireFile(path, name);
  int64_t count = 0;
  ReadNiftiSeries(path, name, [&](int64_t index, const Volume& volume) {
    if (!options.allow_nan) RequireFinite(volume, name);
    visit(index, volume);
    ++count;
  });
  return count;
}

Volume ReadLabels(const std::filesystem::path& path) {
  return Read(path, VoxelTarget::kLabels, ShortName(path));
}

Geometry ReadGeometry(const std::filesystem::path& path, const std::string& name) {
  const Format format = FormatOf(path);
  const std::string shown = NameOf(path, {.name = name});
  RequireFile(path, shown);
  return format == Format::kNifti ? ReadNiftiGeometry(path, shown) : ReadGeometryThroughItk(path);
}

void WriteVolume(const std::filesystem::path& path, const Volume& volume) {
  const at::ScalarType dtype = volume.data().scalar_type();
  SAP_CHECK(dtype == at::kByte || dtype == at::kShort || dtype == at::kInt || dtype == at::kFloat,
            "{} is not a voxel type to write",
            ShapeString(volume.data()));
  if (FormatOf(path) == Format::kNifti) {
    WriteNifti(path, volume);
  } else {
    WriteThroughItk(path, volume);
  }
}

}  // namespace sap
