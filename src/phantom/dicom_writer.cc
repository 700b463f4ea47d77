// SPDX-License-Identifier: Apache-2.0
#include "phantom/dicom_writer.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/ranges.h>
#include <gdcmFile.h>
#include <gdcmTransferSyntax.h>
#include <gdcmWriter.h>

#include "phantom/dicom_elements.h"
#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap::phantom {
namespace {

using gdcm::DataSet;
using gdcm::Tag;
using gdcm::VR;

constexpr double kGeOffset = 1e9;
constexpr const char* kMrImage = "1.2.840.10008.5.1.4.1.1.4";
constexpr const char* kEnhancedMrImage = "1.2.840.10008.5.1.4.1.1.4.1";

const char* Manufacturer(Vendor vendor) {
  switch (vendor) {
    case Vendor::kSiemens:
      return "SIEMENS";
    case Vendor::kGe:
      return "GE MEDICAL SYSTEMS";
    case Vendor::kPhilips:
      return "Philips Medical Systems";
    case Vendor::kStandard:
      break;
  }
  return "Phantom";
}

void PutPatientAndSeries(DataSet& data, const DicomVolume& volume, const DicomPatient& patient) {
  PutText(data, Tag(0x0008, 0x0008), VR::CS, fmt::format("{}", fmt::join(volume.image_type, "\\")));
  PutText(data, Tag(0x0008, 0x0022), VR::DA, volume.acquired.substr(0, 8));
  PutText(data, Tag(0x0008, 0x0032), VR::TM, volume.acquired.substr(8));
  PutText(data, Tag(0x0008, 0x0060), VR::CS, "MR");
  PutText(data, Tag(0x0008, 0x0070), VR::LO, Manufacturer(volume.vendor));
  PutText(data, Tag(0x0008, 0x0080), VR::LO, patient.institution);
  PutText(data, Tag(0x0008, 0x103e), VR::LO, volume.description);
  PutText(data, Tag(0x0010, 0x0010), VR::PN, patient.name);
  PutText(data, Tag(0x0010, 0x0020), VR::LO, patient.id);
  PutText(data, Tag(0x0010, 0x0030), VR::DA, patient.birth_date);
  PutText(data, Tag(0x0018, 0x1030), VR::LO, volume.protocol);
  PutText(data, Tag(0x0020, 0x000d), VR::UI, UidFrom("study " + volume.study));
  PutText(data, Tag(0x0020, 0x000e), VR::UI, UidFrom("series " + volume.series));
  PutText(data, Tag(0x0020, 0x0011), VR::IS, std::to_string(volume.series_number));
  PutText(data, Tag(0x0020, 0x0012), VR::IS, std::to_string(volume.acquisition_number));
  PutText(data, Tag(0x0020, 0x0052), VR::UI, UidFrom("frame " + volume.study));
  for (const auto& [tag, text] : patient.more) PutText(data, Tag(tag), VR::LO, text);
}

void PutPixelFormat(DataSet& data, const XyzInt& size_vox) {
  PutNumbers(data, Tag(0x0028, 0x0002), VR::US, {1});
  PutText(data, Tag(0x0028, 0x0004), VR::CS, "MONOCHROME2");
  PutNumbers(data, Tag(0x0028, 0x0010), VR::US, {static_cast<double>(size_vox.y)});
  PutNumbers(data, Tag(0x0028, 0x0011), VR::US, {static_cast<double>(size_vox.x)});
  PutNumbers(data, Tag(0x0028, 0x0100), VR::US, {16});
  PutNumbers(data, Tag(0x0028, 0x0101), VR::US, {16});
  PutNumbers(data, Tag(0x0028, 0x0102), VR::US, {15});
  PutNumbers(data, Tag(0x0028, 0x0103), VR::US, {1});
}

void PutPosition(DataSet& data, const Geometry& grid, int64_t k) {
  const XyzDouble p = grid.LpsFromVox({0, 0, static_cast<double>(k)});
  PutText(data, Tag(0x0020, 0x0032), VR::DS, DecimalText({p.x, p.y, p.z}));
}

void PutOrientation(DataSet& data, const Geometry& grid) {
  const Matrix3& d = grid.direction;
  PutText(data,
          Tag(0x0020, 0x0037),
          VR::DS,
          DecimalText({d[0][0], d[1][0], d[2][0], d[0][1], d[1][1], d[2][1]}));
}

void PutMeasures(DataSet& data, const DicomVolume& volume) {
  const XyzDouble& spacing_mm = volume.stored.geometry().spacing_mm;
  PutText(data, Tag(0x0018, 0x0050), VR::DS, DecimalText({spacing_mm.z}));
  if (volume.say_step) PutText(data, Tag(0x0018, 0x0088), VR::DS, DecimalText({spacing_mm.z}));
  PutText(data, Tag(0x0028, 0x0030), VR::DS, DecimalText({spacing_mm.y, spacing_mm.x}));
}

void PutRescale(DataSet& data, const DicomVolume& volume) {
  if (volume.slope == 1 && volume.intercept == 0) return;
  PutText(data, Tag(0x0028, 0x1052), VR::DS, DecimalText({volume.intercept}));
  PutText(data, Tag(0x0028, 0x1053), VR::DS, DecimalText({volume.slope}));
}

void PutVendorB(DataSet& data, const DicomVolume& volume) {
  const double b = *volume.b_s_per_mm2;
  switch (volume.vendor) {
    case Vendor::kStandard:
      PutNumbers(data, Tag(0x0018, 0x9087), VR::FD, {b});
      break;
    case Vendor::kSiemens:
      PutText(data, Tag(0x0019, 0x0010), VR::LO, "SIEMENS MR HEADER");
      PutText(data, Tag(0x0019, 0x100c), VR::IS, fmt::format("{:.0f}", b));
      break;
    case Vendor::kGe:
      PutText(data, Tag(0x0043, 0x0010), VR::LO, "GEMS_PARM_01");
      PutText(data,
              Tag(0x0043, 0x1039),
              VR::IS,
              fmt::format("{:.0f}\\8\\0\\0", b + (volume.ge_offset ? kGeOffset : 0)));
      break;
    case Vendor::kPhilips:
      PutText(data, Tag(0x2001, 0x0010), VR::LO, "Philips Imaging DD 001");
      PutNumbers(data, Tag(0x2001, 0x1003), VR::FL, {b});
      break;
  }
}

void PutDiffusion(DataSet& data, const DicomVolume& volume) {
  if (!volume.directionality.empty()) {
    PutText(data, Tag(0x0018, 0x9075), VR::CS, volume.directionality);
  }
  if (!volume.b_s_per_mm2) return;
  PutVendorB(data, volume);
  if (!volume.gradient) return;
  const XyzDouble& g = *volume.gradient;
  PutNumbers(data, Tag(0x0018, 0x9089), VR::FD, {g.x, g.y, g.z});
}

void PutPhilips(DataSet& data, const DicomVolume& volume) {
  if (!volume.philips_scale && volume.philips_type.empty()) return;
  PutText(data, Tag(0x2005, 0x0010), VR::LO, "Philips MR Imaging DD 001");
  if (volume.philips_scale) {
    PutNumbers(data, Tag(0x2005, 0x100e), VR::FL, {*volume.philips_scale});
  }
  if (!volume.philips_type.empty()) {
    PutText(data, Tag(0x2005, 0x1011), VR::CS, volume.philips_type);
  }
}

// Rows of slice k: DICOM has columns fastest, our tensors slices fastest.
std::string SliceBytes(const Volume& stored, int64_t k) {
  SAP_CHECK(stored.data().scalar_type() == at::kShort, "{}", ShapeString(stored.data()));
  const Tensor rows_YX = stored.data().select(2, k).transpose(0, 1).contiguous();
  return {static_cast<const char*>(rows_YX.data_ptr()), static_cast<std::size_t>(rows_YX.nbytes())};
}

void WriteFile(const fs::path& path, const DataSet& data) {
  gdcm::Writer writer;
  writer.GetFile().SetDataSet(data);
  writer.GetFile().GetHeader().SetDataSetTransferSyntax(
      gdcm::TransferSyntax::ExplicitVRLittleEndian);
  WriteFileAtomically(path, [&](const fs::path& temporary) {
    writer.SetFileName(temporary.c_str());
    SAP_REQUIRE(ErrorKind::kIo,
                writer.Write(),
                "{}: cannot be written; check the free space",
                path.filename().string());
  });
}

}  // namespace

std::string UidFrom(const std::string& seed) {
  const std::string hex = Sha256OfBytes(seed);
  return fmt::format("2.25.{}{}",
                     std::stoull(hex.substr(0, 15), nullptr, 16) + 1,
                     std::stoull(hex.substr(15, 15), nullptr, 16));
}

std::vector<fs::path> WriteDicomSlices(const fs::path& folder,
                                       const DicomVolume& volume,
                                       const DicomPatient& patient,
                                       const std::vector<int>& instance_numbers) {
  CreateFolder(folder);
  const Geometry& grid = volume.stored.geometry();
  std::vector<fs::path> files;
  for (int64_t k = 0; k < grid.size_vox.z; ++k) {
    if (volume.missing_slices.contains(k)) continue;
    const int number = instance_numbers.empty() ? static_cast<int>(k) + 1
                                                : instance_numbers.at(static_cast<std::size_t>(k));
    const XyzDouble g = volume.gradient.value_or(XyzDouble{});
    const std::string sop = fmt::format("image {} {} {} {:.4f} {:.4f} {:.4f} {}",
                                        volume.series,
                                        volume.acquisition_number,
                                        volume.b_s_per_mm2.value_or(-1),
                                        g.x,
                                        g.y,
                                        g.z,
                                        number);
    DataSet data;
    PutPatientAndSeries(data, volume, patient);
    PutText(data, Tag(0x0008, 0x0016), VR::UI, kMrImage);
    PutText(data, Tag(0x0008, 0x0018), VR::UI, UidFrom(sop));
    PutText(data, Tag(0x0020, 0x0013), VR::IS, std::to_string(number));
    PutPosition(data, grid, k);
    PutOrientation(data, grid);
    PutMeasures(data, volume);
    PutPixelFormat(data, grid.size_vox);
    PutRescale(data, volume);
    PutDiffusion(data, volume);
    PutPhilips(data, volume);
    PutBytes(data, Tag(0x7fe0, 0x0010), VR::OW, SliceBytes(volume.stored, k));
    files.push_back(folder / fmt::format("IM{:05}.dcm", number));
    WriteFile(files.back(), data);
  }
  return files;
}

void WriteEnhancedDicom(const fs::path& file,
                        const std::vector<DicomVolume>& volumes,
                        const DicomPatient& patient,
                        const std::vector<std::size_t>& frame_order) {
  std::vector<std::pair<const DicomVolume*, int64_t>> slices;
  for (const DicomVolume& volume : volumes) {
    for (int64_t k = 0; k < volume.stored.geometry().size_vox.z; ++k) {
      if (!volume.missing_slices.contains(k)) slices.emplace_back(&volume, k);
    }
  }
  const DicomVolume& first = volumes.front();
  DataSet data;
  PutPatientAndSeries(data, first, patient);
  PutText(data, Tag(0x0008, 0x0016), VR::UI, kEnhancedMrImage);
  PutText(data, Tag(0x0008, 0x0018), VR::UI, UidFrom("enhanced " + first.series));
  PutText(data, Tag(0x0028, 0x0008), VR::IS, std::to_string(slices.size()));
  PutPixelFormat(data, first.stored.geometry().size_vox);
  DataSet orientation, measures, shared;
  PutOrientation(orientation, first.stored.geometry());
  PutMeasures(measures, first);
  PutItems(shared, Tag(0x0020, 0x9116), {orientation});
  PutItems(shared, Tag(0x0028, 0x9110), {measures});
  PutItems(data, Tag(0x5200, 0x9229), {shared});
  std::vector<DataSet> groups;
  std::string pixels;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const auto& [volume, k] = slices[frame_order.empty() ? i : frame_order.at(i)];
    DataSet group, position, diffusion, scale;
    PutPosition(position, volume->stored.geometry(), k);
    PutItems(group, Tag(0x0020, 0x9113), {position});
    if (volume->b_s_per_mm2) {
      PutNumbers(diffusion, Tag(0x0018, 0x9087), VR::FD, {*volume->b_s_per_mm2});
      if (!volume->directionality.empty()) {
        PutText(diffusion, Tag(0x0018, 0x9075), VR::CS, volume->directionality);
      }
      PutItems(group, Tag(0x0018, 0x9117), {diffusion});
    }
    PutRescale(scale, *volume);
    if (!scale.IsEmpty()) PutItems(group, Tag(0x0028, 0x9145), {scale});
    groups.push_back(group);
    pixels += SliceBytes(volume->stored, k);
  }
  PutItems(data, Tag(0x5200, 0x9230), groups);
  PutBytes(data, Tag(0x7fe0, 0x0010), VR::OW, pixels);
  CreateFolder(file.parent_path());
  WriteFile(file, data);
}

}  // namespace sap::phantom
