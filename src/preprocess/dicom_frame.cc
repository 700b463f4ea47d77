// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_frame.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>

#include <fmt/format.h>
#include <gdcmMediaStorage.h>
#include <gdcmReader.h>
#include <gdcmTrace.h>

#include "preprocess/dicom_bvalue.h"
#include "preprocess/dicom_dataset.h"
#include "preprocess/dicom_multiframe.h"

namespace sap::preprocess::dicom {
namespace {

using gdcm::Tag;
const gdcm::PrivateTag kPhilipsType(0x2005, 0x11, "Philips MR Imaging DD 001");
const gdcm::PrivateTag kPhilipsScale(0x2005, 0x0e, "Philips MR Imaging DD 001");
const gdcm::PrivateTag kGeKind(0x0043, 0x30, "GEMS_PARM_01");
constexpr int kGeTrace = 19;

int Whole(const gdcm::DataSet& data, const Tag& tag, As as, int otherwise) {
  const auto number = Number(data, tag, as);
  return number ? static_cast<int>(std::lround(std::clamp(*number, -1e9, 1e9))) : otherwise;
}

std::string FirstText(const gdcm::DataSet& data, std::initializer_list<Tag> tags) {
  for (const Tag& tag : tags) {
    if (const std::string text = Text(data, tag); !text.empty()) return text;
  }
  return "";
}

std::shared_ptr<SeriesHeader> HeaderOf(const gdcm::DataSet& data) {
  auto header = std::make_shared<SeriesHeader>();
  header->series_uid = Text(data, Tag(0x0020, 0x000e));
  header->frame_of_reference_uid = Text(data, Tag(0x0020, 0x0052));
  header->patient_id = Text(data, Tag(0x0010, 0x0020));
  header->patient_name = Text(data, Tag(0x0010, 0x0010));
  header->birth_date = Text(data, Tag(0x0010, 0x0030));
  const Tag dates[] = {Tag(0x0008, 0x0022), Tag(0x0008, 0x0021), Tag(0x0008, 0x0020)};
  const Tag times[] = {Tag(0x0008, 0x0032), Tag(0x0008, 0x0031), Tag(0x0008, 0x0030)};
  header->acquired = Text(data, Tag(0x0008, 0x002a));
  if (header->acquired.empty()) {
    header->acquired = FirstText(data, {dates[0], dates[1], dates[2]}) +
                       FirstText(data, {times[0], times[1], times[2]});
  }
  header->sop_uid = Text(data, Tag(0x0008, 0x0018));
  header->sequence_name = Text(data, Tag(0x0018, 0x0024));
  header->series_number = Whole(data, Tag(0x0020, 0x0011), As::kText, 0);
  header->text.description = Text(data, Tag(0x0008, 0x103e));
  header->text.protocol = Text(data, Tag(0x0018, 0x1030));
  header->rows = Whole(data, Tag(0x0028, 0x0010), As::kUint16, 0);
  header->columns = Whole(data, Tag(0x0028, 0x0011), As::kUint16, 0);
  header->num_frames = std::max(1, Whole(data, Tag(0x0028, 0x0008), As::kText, 1));
  header->lossy = Text(data, Tag(0x0028, 0x2110)) == "01";
  return header;
}

std::string WhyNoMrImage(const gdcm::DataSet& data, const SeriesHeader& header) {
  const std::string modality = Text(data, Tag(0x0008, 0x0060));
  if (data.FindDataElement(Tag(0x0004, 0x1220))) return "a DICOMDIR index";
  if (header.rows <= 0 || header.columns <= 0) return "a DICOM object without an image";
  if (modality != "MR") {
    const bool known =
        modality.size() == 2 && std::isupper(static_cast<unsigned char>(modality[0]));
    return fmt::format("an image of modality {}, not MR", known ? modality : "unknown");
  }
  const int samples = Whole(data, Tag(0x0028, 0x0002), As::kUint16, 1);
  if (samples != 1) return "a colour picture, no measurement";
  return "";
}

// GDCM fills up a raw file that ends early with anything; behind the header stand the voxels.
std::string LengthFault(const gdcm::Reader& reader,
                        const std::filesystem::path& path,
                        const SeriesHeader& header) {
  const gdcm::TransferSyntax& syntax = reader.GetFile().GetHeader().GetDataSetTransferSyntax();
  if (syntax.IsEncapsulated() || syntax == gdcm::TransferSyntax::DeflatedExplicitVRLittleEndian) {
    return "";
  }
  const int bits =
      Whole(reader.GetFile().GetDataSet(), Tag(0x0028, 0x0100), As::kUint16, /*otherwise=*/16);
  const int64_t expected_bytes =
      int64_t{header.rows} * header.columns * header.num_frames * bits / 8;
  const int64_t found_bytes = static_cast<int64_t>(std::filesystem::file_size(path)) -
                              static_cast<int64_t>(reader.GetStreamCurrentPosition());
  if (found_bytes >= expected_bytes) return "";
  return fmt::format(
      "Pixel Data (7fe0,0010) has {} bytes where rows, columns, frames and bits ask for {} "
      "(truncated file); copy it again from its source",
      std::max<int64_t>(found_bytes, 0),
      expected_bytes);
}

}  // namespace

void ReadPlacement(const gdcm::DataSet& data, Frame& frame, Placement& found) {
  if (const auto p = Vector(data, Tag(0x0020, 0x0032), As::kText)) {
    frame.position_mm = *p;
    found.position = true;
  }
  const std::vector<double> cosines = Numbers(data, Tag(0x0020, 0x0037), As::kText);
  if (cosines.size() == 6) {
    frame.along_row = {cosines[0], cosines[1], cosines[2]};
    frame.along_column = {cosines[3], cosines[4], cosines[5]};
    found.orientation = true;
  }
  const std::vector<double> spacing = Numbers(data, Tag(0x0028, 0x0030), As::kText);
  if (spacing.size() == 2) {
    frame.row_step_mm = spacing[0];  // between rows first
    frame.column_step_mm = spacing[1];
    found.spacing = true;
  }
  if (const auto step = Number(data, Tag(0x0018, 0x0088), As::kText)) {
    frame.slice_step_mm = std::abs(*step);  // some write the sign of the slice order
  }
  if (const auto t = Number(data, Tag(0x0018, 0x0050), As::kText)) frame.thickness_mm = *t;
  if (const auto n = Number(data, Tag(0x0020, 0x0012), As::kText)) {
    frame.acquisition_number = static_cast<int>(std::lround(std::clamp(*n, -1e9, 1e9)));
  }
  if (const auto n = Number(data, Tag(0x0020, 0x0013), As::kText)) {
    frame.instance_number = static_cast<int>(std::lround(std::clamp(*n, -1e9, 1e9)));
  }
  if (const auto te = Number(data, Tag(0x0018, 0x0081), As::kText)) frame.echo_time_ms = *te;
}

void ReadScaling(const gdcm::DataSet& data, Frame& frame) {
  if (const auto slope = Number(data, Tag(0x0028, 0x1053), As::kText)) frame.slope = *slope;
  if (const auto shift = Number(data, Tag(0x0028, 0x1052), As::kText)) frame.intercept = *shift;
  const std::vector<double> scale = Numbers(data, kPhilipsScale, As::kFloat32);
  if (!scale.empty() && std::isfinite(scale[0]) && scale[0] > 0) frame.philips_scale = scale[0];
}

void AddTypeWords(const gdcm::DataSet& data, Frame& frame) {
  for (const Tag& tag : {Tag(0x0008, 0x0008), Tag(0x0008, 0x9007)}) {
    for (std::string& word : Words(data, tag)) frame.type_words.push_back(std::move(word));
  }
  if (std::string word = Text(data, kPhilipsType); !word.empty()) {
    frame.type_words.push_back(std::move(word));
  }
  const std::vector<double> kind = Numbers(data, kGeKind, As::kUint16);
  const bool ge_trace = !kind.empty() && std::lround(kind[0]) == kGeTrace;
  for (const std::string& word : frame.type_words) {
    if (word == "TRACEW" || word == "TRACE" || ge_trace) {
      frame.directionality = Directionality::kIsotropic;
    }
  }
  if (!kind.empty() && std::lround(kind[0]) == 18) frame.type_words.emplace_back("FA");
  if (!kind.empty() && std::lround(kind[0]) == 20) frame.type_words.emplace_back("ADC");
}

std::string PlacementFault(const Frame& frame, const Placement& found) {
  if (!found.position || !found.orientation || !found.spacing) {
    return fmt::format(
        "{} is missing, so the slice has no place in the patient; export it again with its whole "
        "header",
        !found.position      ? "Image Position (0020,0032)"
        : !found.orientation ? "Image Orientation (0020,0037)"
                             : "Pixel Spacing (0028,0030)");
  }
  const XyzDouble &u = frame.along_row, &v = frame.along_column;
  const double nu = std::hypot(u.x, u.y, u.z), nv = std::hypot(v.x, v.y, v.z);
  const double dot = u.x * v.x + u.y * v.y + u.z * v.z;
  if (!(std::abs(nu - 1) < 1e-3 && std::abs(nv - 1) < 1e-3 && std::abs(dot) < 1e-3)) {
    return fmt::format(
        "Image Orientation (0020,0037) has axes of length {:.4g} and {:.4g} with a cosine of "
        "{:.4g} "
        "between them; they must be 1, 1 and 0 within 0.001; export it again or correct the header",
        nu,
        nv,
        dot);
  }
  if (!(frame.row_step_mm > 0 && frame.column_step_mm > 0 && std::isfinite(frame.row_step_mm) &&
        std::isfinite(frame.column_step_mm))) {
    return fmt::format("Pixel Spacing (0028,0030) is {:g} and {:g} mm; it must be above 0",
                       frame.row_step_mm,
                       frame.column_step_mm);
  }
  if (frame.slope == 0 || !std::isfinite(frame.slope) || !std::isfinite(frame.intercept)) {
    return fmt::format(
        "Rescale Slope (0028,1053) is {:g} and Intercept {:g}; the slope must be "
        "another number than 0",
        frame.slope,
        frame.intercept);
  }
  return "";
}

namespace {

// What the first bytes of a file say about it; the rest may be cut off.
bool IsMrImage(const gdcm::FileMetaInformation& meta) {
  const gdcm::MediaStorage storage = meta.GetMediaStorage();
  return storage == gdcm::MediaStorage::MRImageStorage ||
         storage == gdcm::MediaStorage::EnhancedMRImageStorage;
}

FileFrames ReadParsedHeader(const std::filesystem::path& path, std::size_t file_idx) {
  FileFrames result;
  gdcm::Reader reader;
  reader.SetFileName(path.c_str());
  const Tag pixel_data(0x7fe0, 0x0010);
  if (!reader.ReadUpToTag(pixel_data, {pixel_data})) return UnreadableFile(path);
  const gdcm::DataSet& data = reader.GetFile().GetDataSet();
  const auto header = HeaderOf(data);
  const auto& syntax = reader.GetFile().GetHeader().GetDataSetTransferSyntax();
  header->lossy = header->lossy || syntax.IsLossy();
  if (header->rows <= 0 && IsMrImage(reader.GetFile().GetHeader())) return UnreadableFile(path);
  Frame frame;
  frame.file_idx = file_idx;
  frame.rows = header->rows;
  frame.columns = header->columns;
  Placement found;
  ReadPlacement(data, frame, found);
  ReadScaling(data, frame);
  ReadDiffusion(data, header->sequence_name, frame);
  AddTypeWords(data, frame);
  header->text.type_words = frame.type_words;
  result.header = header;
  frame.header = header;
  result.left_out = WhyNoMrImage(data, *header);
  if (!result.left_out.empty()) return result;
  const bool mosaic = std::find(frame.type_words.begin(), frame.type_words.end(), "MOSAIC") !=
                      frame.type_words.end();
  if (mosaic) {
    result.frames = MosaicFrames(data, frame, found, result.fault);
  } else if (header->num_frames > 1 || data.FindDataElement(Tag(0x5200, 0x9230))) {
    result.frames = EnhancedFrames(data, frame, found, result.fault);
  } else {
    result.frames = {frame};
    result.fault = PlacementFault(frame, found);
  }
  if (result.fault.empty()) result.fault = LengthFault(reader, path, *header);
  if (!result.fault.empty()) result.frames.clear();
  return result;
}

}  // namespace

bool StartsAsDicom(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string head(132, '\0');
  return stream.read(head.data(), 132) && head.compare(128, 4, "DICM") == 0;
}

FileFrames UnreadableFile(const std::filesystem::path& path) {
  if (!StartsAsDicom(path)) return {.left_out = "not DICOM, or damaged in its header"};
  return {.fault =
              "it begins as DICOM, but cannot be read (a damaged or truncated file); copy it "
              "again from its source, or move it out of the folder"};
}

FileFrames ReadHeader(const std::filesystem::path& path, std::size_t file_idx) {
  gdcm::Trace::WarningOff();  // GDCM would print values of the header
  gdcm::Trace::ErrorOff();
  gdcm::Trace::DebugOff();
  try {
    return ReadParsedHeader(path, file_idx);
  } catch (const std::exception&) {  // GDCM's own, or memory that a lying length asks for
    return UnreadableFile(path);
  }
}

}  // namespace sap::preprocess::dicom
