// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_multiframe.h"

#include <cmath>

#include <fmt/format.h>

#include "preprocess/dicom_bvalue.h"
#include "preprocess/dicom_csa.h"
#include "preprocess/dicom_dataset.h"

namespace sap::preprocess::dicom {
namespace {

using gdcm::Tag;
constexpr double kMostTiles = 65536;
const gdcm::PrivateTag kPhilipsFrame(0x2005, 0x0f, "Philips MR Imaging DD 005");
const gdcm::PrivateTag kSiemensCsa(0x0029, 0x10, "SIEMENS CSA HEADER");
const gdcm::PrivateTag kSiemensCount(0x0019, 0x0a, "SIEMENS MR HEADER");

// Macros of a functional group that say something about a slice (PS3.3 C.7.6.16, C.8.13.5).
const Tag kMacros[] = {Tag(0x0020, 0x9113),   // plane position
                       Tag(0x0020, 0x9116),   // plane orientation
                       Tag(0x0028, 0x9110),   // pixel measures
                       Tag(0x0028, 0x9145),   // pixel value transformation
                       Tag(0x0018, 0x9117),   // MR diffusion
                       Tag(0x0018, 0x9226),   // MR image frame type
                       Tag(0x0018, 0x9114)};  // MR echo

void ReadMacro(const gdcm::DataSet& data, Frame& frame, Placement& found) {
  ReadPlacement(data, frame, found);
  ReadScaling(data, frame);
  ReadDiffusion(data, "", frame);
  AddTypeWords(data, frame);
  if (const auto te = Number(data, Tag(0x0018, 0x9082), As::kFloat64)) frame.echo_time_ms = *te;
}

void ReadGroup(const gdcm::DataSet& group, Frame& frame, Placement& found) {
  for (const Tag& tag : kMacros) {
    const Sequence items = ItemsOf(group, tag);
    if (items && items->GetNumberOfItems() > 0) {
      ReadMacro(items->GetItem(1).GetNestedDataSet(), frame, found);
    }
  }
  const Sequence philips = ItemsOf(group, kPhilipsFrame);
  if (philips && philips->GetNumberOfItems() > 0) {
    // Philips repeats the position here, half a voxel off: only scale and b-value are taken.
    const gdcm::DataSet& item = philips->GetItem(1).GetNestedDataSet();
    const double slope = frame.slope, intercept = frame.intercept;
    const auto b = frame.b_s_per_mm2;
    ReadScaling(item, frame);
    ReadDiffusion(item, "", frame);
    if (b) frame.b_s_per_mm2 = b;
    frame.slope = slope;
    frame.intercept = intercept;
  }
}

struct Csa {
  std::optional<XyzDouble> normal;
  int num_images = 0;
};

int CountOf(double value) {
  return value >= 1 && value <= kMostTiles ? static_cast<int>(value) : 0;
}

Csa ReadCsa(const gdcm::DataSet& data) {
  Csa found;
  const std::vector<double> count = Numbers(data, kSiemensCount, As::kUint16);
  if (!count.empty()) found.num_images = CountOf(count[0]);
  const std::string csa = RawBytes(data, kSiemensCsa);
  const std::vector<double> normal = CsaNumbers(csa, "SliceNormalVector");
  if (normal.size() >= 3) found.normal = XyzDouble{normal[0], normal[1], normal[2]};
  const std::vector<double> images = CsaNumbers(csa, "NumberOfImagesInMosaic");
  if (!images.empty()) found.num_images = CountOf(images[0]);
  return found;
}

std::string MosaicFault(const Frame& frame, const Csa& csa) {
  if (csa.num_images < 1 || !csa.normal) {
    return fmt::format(
        "a Siemens mosaic without {} in its private header (0029,1010), so its slices have no "
        "place in the patient; export it with private tags, or as single slices",
        csa.num_images < 1 ? "the number of its slices" : "its slice normal");
  }
  const int tiles = static_cast<int>(std::ceil(std::sqrt(csa.num_images)));
  if (frame.rows % tiles != 0 || frame.columns % tiles != 0) {
    return fmt::format(
        "a Siemens mosaic of {} slices in {}x{} pixels, which {} tiles on an edge do not divide; "
        "export it as single slices",
        csa.num_images,
        frame.columns,
        frame.rows,
        tiles);
  }
  if (frame.slice_step_mm <= 0 && frame.thickness_mm <= 0) {
    return "a Siemens mosaic without Spacing Between Slices (0018,0088); export it as single "
           "slices";
  }
  return "";
}

}  // namespace

std::vector<Frame> EnhancedFrames(const gdcm::DataSet& data,
                                  const Frame& frame,
                                  const Placement& found,
                                  std::string& fault) {
  const Sequence per_frame = ItemsOf(data, Tag(0x5200, 0x9230));
  const auto num_frames = static_cast<std::size_t>(frame.header->num_frames);
  const std::size_t num_items = per_frame ? per_frame->GetNumberOfItems() : 0;
  if (num_items != num_frames) {
    fault = fmt::format(
        "{} frames, but {} items in Per-frame Functional Groups (5200,9230), so frames have no "
        "place in the patient; export the enhanced object again with its whole header",
        num_frames,
        num_items);
    return {};
  }
  Frame shared = frame;
  Placement shared_found = found;
  const Sequence groups = ItemsOf(data, Tag(0x5200, 0x9229));
  if (groups && groups->GetNumberOfItems() > 0) {
    ReadGroup(groups->GetItem(1).GetNestedDataSet(), shared, shared_found);
  }
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < num_frames; ++i) {
    Frame one = shared;
    Placement one_found = shared_found;
    one.frame_idx = static_cast<int>(i);
    ReadGroup(per_frame->GetItem(i + 1).GetNestedDataSet(), one, one_found);
    fault = PlacementFault(one, one_found);
    if (!fault.empty()) {
      fault = fmt::format("frame {}: {}", i + 1, fault);
      return {};
    }
    frames.push_back(std::move(one));
  }
  return frames;
}

std::vector<Frame> MosaicFrames(const gdcm::DataSet& data,
                                const Frame& frame,
                                const Placement& found,
                                std::string& fault) {
  fault = PlacementFault(frame, found);
  const Csa csa = ReadCsa(data);
  if (fault.empty()) fault = MosaicFault(frame, csa);
  if (!fault.empty()) return {};
  const int tiles = static_cast<int>(std::ceil(std::sqrt(csa.num_images)));
  const int rows = frame.rows / tiles, columns = frame.columns / tiles;
  const double step_mm = frame.slice_step_mm > 0 ? frame.slice_step_mm : frame.thickness_mm;
  // Siemens writes the corner that the whole picture would have around the slice's centre.
  const double back_columns_mm = 0.5 * (frame.columns - columns) * frame.column_step_mm;
  const double back_rows_mm = 0.5 * (frame.rows - rows) * frame.row_step_mm;
  std::vector<Frame> frames;
  for (int i = 0; i < csa.num_images; ++i) {
    Frame one = frame;
    one.rows = rows;
    one.columns = columns;
    one.tile_vox = XyzInt{int64_t{i % tiles} * columns, int64_t{i / tiles} * rows, 0};
    for (std::size_t a = 0; a < 3; ++a) {
      one.position_mm[a] += back_columns_mm * frame.along_row[a] +
                            back_rows_mm * frame.along_column[a] + i * step_mm * (*csa.normal)[a];
    }
    frames.push_back(std::move(one));
  }
  return frames;
}

}  // namespace sap::preprocess::dicom
