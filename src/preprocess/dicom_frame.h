// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/preprocess/sequence_rules.h"

namespace sap::preprocess::dicom {

// Which kind of diffusion volume a slice belongs to (Diffusion Directionality, Image Type).
enum class Directionality { kUnknown, kNone, kDirectional, kIsotropic };

// What one file says about all of its slices.
struct SeriesHeader {
  std::string series_uid;  // compared, never shown
  std::string frame_of_reference_uid;
  std::string patient_id, patient_name, birth_date;  // compared, never shown
  std::string acquired;                              // date and time, sortable, never shown
  std::string sop_uid;
  std::string sequence_name;
  int series_number = 0;
  SeriesText text;  // image type words and the vendor's type tag
  int rows = 0, columns = 0;
  int num_frames = 1;
  bool lossy = false;  // compressed with loss, by itself or by its transfer syntax
};

// One slice: where it lies, what it measures, how its stored numbers become values.
struct Frame {
  std::shared_ptr<const SeriesHeader> header;
  std::size_t file_idx = 0;
  int frame_idx = 0;               // in the file
  std::optional<XyzInt> tile_vox;  // Siemens mosaic: first column, first row, 0
  int rows = 0, columns = 0;
  XyzDouble position_mm;              // LPS centre of the first voxel
  XyzDouble along_row, along_column;  // unit vectors: column index grows, row index grows
  double column_step_mm = 1, row_step_mm = 1;
  double slice_step_mm = 0;  // 0: not said
  double thickness_mm = 0;   // 0: not said
  double slope = 1, intercept = 0;
  std::optional<double> philips_scale;  // SS of precise = displayed / (slope * SS)
  std::vector<std::string> type_words;
  std::optional<double> b_s_per_mm2;
  std::optional<XyzDouble> gradient;  // unit vector; sign and frame are the vendor's
  Directionality directionality = Directionality::kUnknown;
  int acquisition_number = 0;
  int instance_number = 0;  // orders slices only where an author's fault is wanted
  double echo_time_ms = 0;
};

// Whether a file begins as Part 10 of the standard says.
bool StartsAsDicom(const std::filesystem::path& path);

// A file's slices, or why it has none.
struct FileFrames {
  std::vector<Frame> frames;
  std::shared_ptr<const SeriesHeader> header;  // also where frames are missing; null: unreadable
  std::string left_out;                        // no MR image: what it is ("a CT image")
  std::string fault;  // an MR image that cannot be placed: value, rule, next step
};

// Of a file that cannot be read. One that begins as DICOM is a fault: left out, it may be the last
// slice of a station, where no gap would tell.
FileFrames UnreadableFile(const std::filesystem::path& path);

// Reads the header of one file, not its voxels. Never throws for content.
FileFrames ReadHeader(const std::filesystem::path& path, std::size_t file_idx);

}  // namespace sap::preprocess::dicom
