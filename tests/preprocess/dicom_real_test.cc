// SPDX-License-Identifier: Apache-2.0
// Real DICOM files that others wrote, compared with conversions that others made.
#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/orient.h"
#include "sap/preprocess/dicom_series.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

using ::testing::HasSubstr;

// The reference NIfTI (int16, 4-D, plain), read here by the standard's offsets alone.
std::vector<Volume> ReadReference(const fs::path& path) {
  const std::string bytes = ReadFile(path);
  const auto get = [&]<typename T>(std::size_t offset, T) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  };
  const int64_t nx = get(42, int16_t{}), ny = get(44, int16_t{}), nz = get(46, int16_t{});
  const int64_t nt = get(48, int16_t{});
  EXPECT_EQ(get(70, int16_t{}), 4);  // int16
  Geometry grid;
  grid.size_vox = {nx, ny, nz};
  for (std::size_t r = 0; r < 3; ++r) {
    const double sign = r < 2 ? -1 : 1;  // RAS to LPS
    for (std::size_t a = 0; a < 4; ++a) {
      const double value = sign * get(280 + 16 * r + 4 * a, float{});
      (a < 3 ? grid.direction[r][a] : grid.origin_mm[r]) = value;
    }
  }
  for (std::size_t a = 0; a < 3; ++a) {
    auto& d = grid.direction;
    grid.spacing_mm[a] = std::hypot(d[0][a], d[1][a], d[2][a]);
    for (std::size_t r = 0; r < 3; ++r) d[r][a] /= grid.spacing_mm[a];
  }
  std::vector<Volume> volumes;
  const auto first = static_cast<std::size_t>(get(108, float{}));
  for (int64_t t = 0; t < nt; ++t) {
    Tensor data_ZYX = at::empty({nz, ny, nx}, at::kShort);
    std::memcpy(data_ZYX.data_ptr(),
                bytes.data() + first + static_cast<std::size_t>(t * data_ZYX.nbytes()),
                data_ZYX.nbytes());
    volumes.emplace_back(data_ZYX.permute({2, 1, 0}).to(at::kFloat), grid);
  }
  return volumes;
}

std::vector<double> NumbersOf(const fs::path& path) {
  std::vector<double> numbers;
  std::istringstream text(ReadFile(path));
  for (double x; text >> x;) numbers.push_back(x);
  return numbers;
}

TEST(DicomGe, IsVoxelExactAgainstTheReferenceWithGeometryAndBValues) {
  SAP_REQUIRE_SHARED(folder, "data/dwi_dicom_ge");
  const auto reference = ReadReference(folder / "reference" / "Ax_DWI_TENSOR_R2_1.nii");
  const auto bval = NumbersOf(folder / "reference" / "Ax_DWI_TENSOR_R2_1.bval");
  ASSERT_EQ(reference.size(), 7U);
  auto read = ReadDicomVolumes(folder / "dicom", "P", {.min_slices = 2});
  ASSERT_EQ(read.size(), 7U);
  for (std::size_t t = 0; t < reference.size(); ++t) {
    const Volume want = Reorient(reference[t], "LPS");
    const auto same = std::find_if(read.begin(), read.end(), [&](const DicomVolume& v) {
      return at::equal(Reorient(v.image, "LPS").data(), want.data());
    });
    ASSERT_NE(same, read.end()) << "volume " << t;
    EXPECT_EQ(Reorient(same->image, "LPS").geometry().DifferenceFrom(want.geometry(), 1e-3), "");
    EXPECT_EQ(same->b_s_per_mm2, bval[t]);
    read.erase(same);  // each file's slices belong to one volume
  }
}

TEST(DicomGe, GivesOneStationPerBValueWithTheMeanOverDirections) {
  SAP_REQUIRE_SHARED(folder, "data/dwi_dicom_ge");
  const auto reference = ReadReference(folder / "reference" / "Ax_DWI_TENSOR_R2_1.nii");
  Tensor sum = at::zeros_like(reference[0].data());
  for (std::size_t t = 1; t < 7; ++t) sum += reference[t].data();
  const StationSet set = ReadDicomStations(folder / "dicom", "P", {.min_slices = 2});
  ASSERT_EQ(set.stations.size(), 2U);
  EXPECT_EQ(set.stations[0].b_s_per_mm2, 0.0);
  EXPECT_EQ(set.stations[1].b_s_per_mm2, 1000.0);
  const Tensor want = Reorient(reference[0].WithData(sum / 6), "LPS").data();
  EXPECT_LT((set.stations[1].image.data() - want).abs().max().item<double>(), 1e-3);
  EXPECT_EQ(set.stations[1].image.geometry().OrientationCode(), "LPS");
}

TEST(DicomGe, ListsTheSeriesWithoutReadingVoxels) {
  SAP_REQUIRE_SHARED(folder, "data/dwi_dicom_ge");
  const DicomListing listing = ListDicom(folder / "dicom", "P", {.min_slices = 2});
  ASSERT_EQ(listing.entries.size(), 1U);
  EXPECT_EQ(listing.entries[0].num_volumes, 7);
  EXPECT_EQ(listing.entries[0].num_slices, 14);
  EXPECT_THAT(listing.entries[0].b_s_per_mm2, ::testing::ElementsAre(0, 1000));
  EXPECT_TRUE(listing.faults.empty());
  EXPECT_THAT(listing.Text(), HasSubstr("diffusion station"));
}

// One file in a folder of its own; any MR image counts as T1.
DicomOptions AnyMr() {
  DicomOptions options{.min_slices = 1};
  options.rules.rules = {{.name = "T1"}};
  options.rules.t1_from = {"T1"};
  return options;
}

std::vector<DicomVolume> ReadAlone(const fs::path& file) {
  const fs::path folder = testing::FreshFolder();
  fs::copy_file(file, folder / file.filename());
  return ReadDicomVolumes(folder, "P", AnyMr());
}

std::vector<std::string> ReadNotices(const fs::path& file) {
  const fs::path folder = testing::FreshFolder();
  fs::copy_file(file, folder / file.filename());
  return ReadDicomStations(folder, "P", AnyMr()).notices;
}

std::string FaultAlone(const fs::path& file) {
  try {
    ReadAlone(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
    return error.what();
  }
  return "";
}

// The pixels of an Explicit VR Little Endian file by its bytes: tag, "OW", 0, length, data.
Tensor RawPixels(const fs::path& file, int64_t rows, int64_t columns) {
  const std::string bytes = ReadFile(file);
  const auto at = bytes.rfind(std::string("\xe0\x7f\x10\x00OW\x00\x00", 8));
  Tensor rows_YX = at::empty({rows, columns}, at::kShort);
  std::memcpy(rows_YX.data_ptr(), bytes.data() + at + 12, rows_YX.nbytes());
  return rows_YX.transpose(0, 1).to(at::kFloat).unsqueeze(2);
}

// Raw in both byte orders, implicit and padded, RLE, JPEG 2000 and JPEG-LS without loss, ...
constexpr const char* kRead[] = {"MR_small.dcm",
                                 "MR_small_RLE.dcm",
                                 "MR_small_bigendian.dcm",
                                 "MR_small_expb.dcm",
                                 "MR_small_implicit.dcm",
                                 "MR_small_jp2klossless.dcm",
                                 "MR_small_jpeg_ls_lossless.dcm",
                                 "MR_small_padded.dcm"};
// ... and the sentence with which each other file is refused.
constexpr std::pair<const char*, const char*> kRefused[] = {
    {"CT_small.dcm", "modality CT, not MR"},
    {"JPEG-lossy.dcm", "modality NM, not MR"},
    {"JPEG2000.dcm", "modality NM, not MR"},
    {"LICENSE", "none of 1 files is DICOM"},
    {"MR_truncated.dcm", "(truncated file); copy it again"},
    {"emri_small.dcm", "10 frames, but 0 items in Per-frame Functional Groups (5200,9230)"},
    {"emri_small_big_endian.dcm",
     "10 frames, but 0 items in Per-frame Functional Groups (5200,9230)"}};

TEST(DicomSyntaxes, EveryFileOfTheCollectionIsReadOrRefusedWithATrueSentence) {
  SAP_REQUIRE_SHARED(folder, "data/dicom_pydicom");
  std::set<std::string> known(std::begin(kRead), std::end(kRead));
  for (const auto& [file, sentence] : kRefused) {
    known.insert(file);
    EXPECT_THAT(FaultAlone(folder / file), HasSubstr(sentence)) << file;
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path();
  }
}

TEST(DicomSyntaxes, EveryLosslessCodingGivesTheSameVoxels) {
  SAP_REQUIRE_SHARED(folder, "data/dicom_pydicom");
  const Tensor want = RawPixels(folder / "MR_small.dcm", 64, 64);
  for (const char* file : kRead) {
    const auto read = ReadAlone(folder / file);
    ASSERT_EQ(read.size(), 1U) << file;
    EXPECT_TRUE(at::equal(read[0].image.data(), want)) << file;
    const Geometry& grid = read[0].image.geometry();
    EXPECT_EQ(grid.spacing_mm.x, 0.3125) << file;
    EXPECT_EQ(grid.origin_mm, (XyzDouble{-83.9063, -91.2, 6.6406})) << file;
    EXPECT_TRUE(ReadNotices(folder / file).empty()) << file;  // nothing was lost
  }
}

TEST(DicomSyntaxes, AFolderOfManyThingsUsesOneAndCountsTheRest) {
  SAP_REQUIRE_SHARED(folder, "data/dicom_pydicom");
  EXPECT_TRUE(HoldsDicom(folder));
  const fs::path mixed = testing::FreshFolder();
  for (const char* file : {"MR_small.dcm", "CT_small.dcm", "MR_small_RLE.dcm", "LICENSE"}) {
    fs::copy_file(folder / file, mixed / file);
  }
  const DicomListing listing = ListDicom(mixed, "P", AnyMr());
  ASSERT_EQ(listing.entries.size(), 1U);
  EXPECT_THAT(listing.Text(), HasSubstr("modality CT, not MR"));
  EXPECT_THAT(listing.Text(), HasSubstr("1 file left out: not DICOM"));
  EXPECT_THAT(listing.Text(), HasSubstr("the same image as another file"));
}

}  // namespace
}  // namespace sap::preprocess
