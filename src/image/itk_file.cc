// SPDX-License-Identifier: Apache-2.0
#include "image/itk_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <ATen/ATen.h>
#include <itkMetaImageIO.h>
#include <itkNrrdImageIO.h>

#include "image/byte_source.h"
#include "image/nifti_header.h"
#include "image/text_header.h"
#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap {
namespace {

bool IsMeta(const std::filesystem::path& path) {
  return path.extension() == ".mha";
}

itk::ImageIOBase::Pointer MakeIo(const std::filesystem::path& path) {
  if (IsMeta(path)) return itk::MetaImageIO::New().GetPointer();
  return itk::NrrdImageIO::New().GetPointer();
}

// ITK's exceptions, in our words; its text may hold the whole path and is left out.
template <typename Body>
auto WithItk(ErrorKind kind, const std::string& name, const char* step, const Body& body) {
  try {
    return body();
  } catch (const itk::ExceptionObject&) {
    Fail(kind, "{}: {}", name, step);
  }
}

VoxelType TypeOf(const itk::ImageIOBase& io, const std::string& name) {
  using Io = itk::ImageIOBase;
  SAP_REQUIRE(ErrorKind::kInput,
              io.GetNumberOfComponents() == 1,
              "{}: {} numbers a voxel; one is needed: split the channels",
              name,
              io.GetNumberOfComponents());
  const bool long_is_64 = sizeof(long) == 8;
  switch (io.GetComponentType()) {
    case Io::UCHAR:
      return VoxelType::kUint8;
    case Io::CHAR:
      return VoxelType::kInt8;
    case Io::USHORT:
      return VoxelType::kUint16;
    case Io::SHORT:
      return VoxelType::kInt16;
    case Io::UINT:
      return VoxelType::kUint32;
    case Io::INT:
      return VoxelType::kInt32;
    case Io::ULONG:
      return long_is_64 ? VoxelType::kUint64 : VoxelType::kUint32;
    case Io::LONG:
      return long_is_64 ? VoxelType::kInt64 : VoxelType::kInt32;
    case Io::ULONGLONG:
      return VoxelType::kUint64;
    case Io::LONGLONG:
      return VoxelType::kInt64;
    case Io::FLOAT:
      return VoxelType::kFloat32;
    case Io::DOUBLE:
      return VoxelType::kFloat64;
    default:
      Fail(ErrorKind::kInput, "{}: the voxel type is not a real number; convert the image", name);
  }
}

Geometry GridOf(const itk::ImageIOBase& io, const std::string& name) {
  SAP_REQUIRE(ErrorKind::kInput,
              io.GetNumberOfDimensions() == 3,
              "{}: {} axes; a volume has 3: split the file",
              name,
              io.GetNumberOfDimensions());
  Geometry grid;
  for (unsigned a = 0; a < 3; ++a) {
    const auto axis = static_cast<std::size_t>(a);
    grid.size_vox[axis] = static_cast<int64_t>(io.GetDimensions(a));
    grid.spacing_mm[axis] = io.GetSpacing(a);
    grid.origin_mm[axis] = io.GetOrigin(a);
    SAP_REQUIRE(ErrorKind::kGeometry,
                grid.size_vox[axis] >= 1 && grid.spacing_mm[axis] > 0.0 &&
                    std::isfinite(grid.spacing_mm[axis]) && std::isfinite(grid.origin_mm[axis]),
                "{}: axis {} has {} voxels, a spacing of {} mm and an origin of {} mm; size and "
                "spacing must be above 0",
                name,
                a,
                grid.size_vox[axis],
                grid.spacing_mm[axis],
                grid.origin_mm[axis]);
    const std::vector<double> cosines = io.GetDirection(a);
    for (std::size_t r = 0; r < 3; ++r) grid.direction[r][axis] = cosines[r] + 0.0;
    const double length = std::hypot(cosines[0], cosines[1], cosines[2]);
    SAP_REQUIRE(ErrorKind::kGeometry,
                std::abs(length - 1.0) < 1e-3,
                "{}: the direction of axis {} has length {}; it must be 1",
                name,
                a,
                length);
    for (std::size_t r = 0; r < 3; ++r) grid.direction[r][axis] /= length;
  }
  grid.direction = PolishedDirection(grid.direction, name);
  return grid;
}

// ITK reads short files as far as they go; the length is counted before it is asked.
void RequireVoxelBytes(const std::filesystem::path& path,
                       const TextHeader& text,
                       int64_t expected_bytes) {
  const auto content = text.compressed ? ByteSource::Content::kDetect : ByteSource::Content::kPlain;
  ByteSource source(path, text.first_voxel_byte, content);
  const int64_t got_bytes = source.Skip(expected_bytes + 1);
  SAP_REQUIRE(ErrorKind::kInput,
              got_bytes == expected_bytes,
              "{}: {} bytes of voxels where the header describes {} (truncated or padded file); "
              "copy it again from its source",
              source.name(),
              got_bytes > expected_bytes ? "more" : fmt::format("{}", got_bytes),
              expected_bytes);
}

struct OpenedImage {
  itk::ImageIOBase::Pointer io;
  TextHeader text;
  Geometry grid;
  VoxelType type;
};

OpenedImage Open(const std::filesystem::path& path) {
  const std::string name = ShortName(path);
  OpenedImage image;
  image.text = IsMeta(path) ? ReadMetaHeader(path) : ReadNrrdHeader(path);
  image.io = MakeIo(path);
  image.io->SetFileName(path.string());
  WithItk(ErrorKind::kInput, name, "the header cannot be understood; write the file again", [&] {
    image.io->ReadImageInformation();
  });
  image.grid = GridOf(*image.io, name);
  image.type = TypeOf(*image.io, name);
  return image;
}

}  // namespace

Geometry ReadGeometryThroughItk(const std::filesystem::path& path) {
  return Open(path).grid;
}

Volume ReadThroughItk(const std::filesystem::path& path, VoxelTarget target) {
  const std::string name = ShortName(path);
  const OpenedImage image = Open(path);
  const int64_t num_bytes = image.grid.NumVoxels() * VoxelBytes(image.type);
  RequireVoxelBytes(path, image.text, num_bytes);
  std::vector<char> buffer(static_cast<std::size_t>(num_bytes));
  itk::ImageIORegion region(3);
  for (unsigned a = 0; a < 3; ++a) {
    region.SetIndex(a, 0);
    region.SetSize(a, static_cast<itk::SizeValueType>(image.io->GetDimensions(a)));
  }
  WithItk(ErrorKind::kInput, name, "the voxels cannot be read; copy the file again", [&] {
    image.io->SetIORegion(region);
    image.io->Read(buffer.data());
  });
  int64_t done_bytes = 0;
  const auto read = [&](void* to, int64_t size) {
    std::memcpy(to, buffer.data() + done_bytes, static_cast<std::size_t>(size));
    done_bytes += size;
  };
  const StoredVoxels stored{.size_vox = image.grid.size_vox, .type = image.type};
  return {TensorFromStream(stored, target, read, name), image.grid};
}

void WriteThroughItk(const std::filesystem::path& path, const Volume& volume) {
  using Io = itk::ImageIOBase;
  const std::string name = ShortName(path);
  const Geometry& grid = volume.geometry();
  std::vector<char> buffer;
  buffer.reserve(static_cast<std::size_t>(volume.data().nbytes()));
  StreamFromTensor(volume.data(), [&](const void* from, int64_t size) {
    const auto* bytes = static_cast<const char*>(from);
    buffer.insert(buffer.end(), bytes, bytes + size);
  });
  const at::ScalarType dtype = volume.data().scalar_type();
  const auto io = MakeIo(path);
  io->SetNumberOfDimensions(3);
  io->SetPixelType(Io::SCALAR);
  io->SetNumberOfComponents(1);
  io->SetComponentType(dtype == at::kByte    ? Io::UCHAR
                       : dtype == at::kShort ? Io::SHORT
                       : dtype == at::kInt   ? Io::INT
                                             : Io::FLOAT);
  itk::ImageIORegion region(3);
  for (unsigned a = 0; a < 3; ++a) {
    const auto axis = static_cast<std::size_t>(a);
    io->SetDimensions(a, static_cast<itk::SizeValueType>(grid.size_vox[axis]));
    io->SetSpacing(a, grid.spacing_mm[axis]);
    io->SetOrigin(a, grid.origin_mm[axis]);
    std::vector<double> cosines;
    for (std::size_t r = 0; r < 3; ++r) cosines.push_back(grid.direction[r][axis]);
    io->SetDirection(a, cosines);
    region.SetIndex(a, 0);
    region.SetSize(a, static_cast<itk::SizeValueType>(grid.size_vox[axis]));
  }
  io->SetIORegion(region);
  io->SetUseCompression(true);
  WriteFileAtomically(path, [&](const std::filesystem::path& temporary) {
    io->SetFileName(temporary.string());
    WithItk(ErrorKind::kIo, name, "cannot be written; check the free space", [&] {
      io->Write(buffer.data());
    });
  });
}

}  // namespace sap
