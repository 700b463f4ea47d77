// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include <ATen/ATen.h>
#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageReader.h>
#include <gdcmImageWriter.h>
#include <gdcmJPEGLSCodec.h>
#include <gdcmReader.h>
#include <gdcmWriter.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dicom_builders.h"
#include "phantom/dicom_elements.h"
#include "preprocess/dicom_csa.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/orient.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

using phantom::DicomVolume;
using ::testing::HasSubstr;

std::vector<std::size_t> FrameOrder(std::size_t count) {
  std::vector<std::size_t> order;
  for (const int number : Shuffled(static_cast<int64_t>(count), 0)) {
    order.push_back(static_cast<std::size_t>(number));
  }
  return order;
}

TEST(DicomEnhanced, FramesAreSortedByPositionAndBValueWithTheirOwnScale) {
  const fs::path folder = testing::FreshFolder();
  std::vector<DicomVolume> volumes = {DwiVolume(SmallGrid(7, 3, 10), 0, 5),
                                      DwiVolume(SmallGrid(7, 3, 10), 1000, 6)};
  volumes[0].slope = 2;
  volumes[1].slope = 0.25;
  phantom::WriteEnhancedDicom(folder / "a.dcm", volumes, kPatient, FrameOrder(14));
  const auto read = ReadDicomVolumes(folder, "P");
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read[i].b_s_per_mm2, volumes[i].b_s_per_mm2);
    EXPECT_TRUE(read[i].image.SameGridAs(volumes[i].stored, 1e-4));
    EXPECT_TRUE(at::equal(read[i].image.data(),
                          volumes[i].stored.data().to(at::kFloat) * volumes[i].slope));
  }
}

TEST(DicomEnhanced, AMissingFrameIsRefusedWithItsPosition) {
  const fs::path folder = testing::FreshFolder();
  DicomVolume volume = T1Volume(SmallGrid(7));
  volume.missing_slices = {3};
  phantom::WriteEnhancedDicom(folder / "a.dcm", {volume}, kPatient);
  EXPECT_THAT(FaultOf(folder), HasSubstr("(-7.00, 11.00, 12.00)"));
}

TEST(DicomEnhanced, JpegLosslessGivesTheSameVoxels) {
  const fs::path folder = testing::FreshFolder();
  const DicomVolume written = T1Volume(SmallGrid(5));
  for (const fs::path& file : phantom::WriteDicomSlices(folder, written, kPatient)) {
    gdcm::ImageReader reader;
    reader.SetFileName(file.c_str());
    ASSERT_TRUE(reader.Read());
    gdcm::ImageChangeTransferSyntax change;
    change.SetTransferSyntax(gdcm::TransferSyntax::JPEGLosslessProcess14_1);
    change.SetInput(reader.GetImage());
    ASSERT_TRUE(change.Change());
    gdcm::ImageWriter writer;
    writer.SetFileName(file.c_str());
    writer.SetFile(reader.GetFile());
    writer.SetImage(change.GetOutput());
    ASSERT_TRUE(writer.Write());
  }
  EXPECT_TRUE(at::equal(ReadDicomVolumes(folder, "P")[0].image.data(),
                        written.stored.data().to(at::kFloat)));
}

TEST(DicomLoss, IsAcceptedWithARemarkThatCountsTheSlices) {
  const fs::path folder = testing::FreshFolder();
  const DicomVolume written = T1Volume(SmallGrid(5));
  constexpr int kMostError = 2;
  for (const fs::path& file : phantom::WriteDicomSlices(folder, written, kPatient)) {
    gdcm::ImageReader reader;
    reader.SetFileName(file.c_str());
    ASSERT_TRUE(reader.Read());
    gdcm::JPEGLSCodec codec;
    codec.SetLossless(false);
    codec.SetLossyError(kMostError);
    gdcm::ImageChangeTransferSyntax change;
    change.SetTransferSyntax(gdcm::TransferSyntax::JPEGLSNearLossless);
    change.SetUserCodec(&codec);
    change.SetInput(reader.GetImage());
    ASSERT_TRUE(change.Change());
    gdcm::ImageWriter writer;
    writer.SetFileName(file.c_str());
    writer.SetFile(reader.GetFile());
    writer.SetImage(change.GetOutput());
    ASSERT_TRUE(writer.Write());
  }
  const StationSet set = ReadDicomStations(folder, "P");
  const Tensor error =
      set.stations.at(0).image.data() - Reorient(written.stored, "LPS").data().to(at::kFloat);
  EXPECT_GT(error.abs().max().item<float>(), 0);
  EXPECT_LE(error.abs().max().item<float>(), kMostError);
  const std::string remark = "series 1 (T1): 5 slices compressed with loss: approximate";
  EXPECT_THAT(set.notices, ::testing::Contains(remark));
  EXPECT_THAT(ListDicom(folder, "P").Text(), HasSubstr(remark));
  // Loss of an earlier copy, which only the header tells.
  for (const fs::path& file : phantom::WriteDicomSlices(folder, written, kPatient)) {
    gdcm::Reader reader;
    reader.SetFileName(file.c_str());
    ASSERT_TRUE(reader.Read());
    phantom::PutText(reader.GetFile().GetDataSet(), gdcm::Tag(0x0028, 0x2110), gdcm::VR::CS, "01");
    gdcm::Writer writer;
    writer.SetFileName(file.c_str());
    writer.SetFile(reader.GetFile());
    ASSERT_TRUE(writer.Write());
  }
  EXPECT_THAT(ReadDicomStations(folder, "P").notices, ::testing::Contains(remark));
}

// GDCM asserts that Lossy Image Compression is CS and ends its process where it is not.
TEST(DicomRefusals, AFileThatEndsTheReaderIsRefusedByItsPlaceAndEndsNothing) {
  const fs::path folder = testing::FreshFolder();
  phantom::WriteDicomSlices(folder / "a", T1Volume(SmallGrid(5)), kPatient);
  phantom::DicomPatient odd = kPatient;
  odd.more = {{0x00282110, "01"}};
  DicomVolume second = T1Volume(SmallGrid(5, 40), 2);
  second.series = "second";
  second.missing_slices = {0, 1, 3, 4};
  phantom::WriteDicomSlices(folder / "b", second, odd);
  EXPECT_EQ(FaultOf(folder),
            "P: IM00003.dcm: it begins as DICOM, but cannot be read (a damaged or truncated file); "
            "copy it again from its source, or move it out of the folder");
}

// Siemens' second layout: "SV10", then named elements of six text items or a multiple, each padded
// to four bytes.
std::string Csa(const std::vector<std::pair<std::string, std::vector<std::string>>>& elements) {
  std::string bytes("SV10\4\3\2\1", 8);
  const auto number = [&](int32_t value) {
    bytes.append(reinterpret_cast<const char*>(&value), 4);
  };
  number(static_cast<int32_t>(elements.size()));
  number(77);
  for (const auto& [name, values] : elements) {
    bytes += name + std::string(64 - name.size(), '\0');
    number(static_cast<int32_t>(values.size()));
    bytes.append("FD\0\0", 4);
    number(4);
    number(6);
    number(77);
    for (std::size_t i = 0; i < 6; ++i) {
      const std::string value = i < values.size() ? values[i] : "";
      const auto size = value.empty() ? 0 : static_cast<int32_t>(value.size()) + 1;
      for (const int32_t n : {size, size, 77, size}) number(n);
      if (size == 0) continue;
      bytes += value + std::string(1, '\0');
      bytes.append(static_cast<std::size_t>((4 - size % 4) % 4), '\0');
    }
  }
  return bytes;
}

// `want` as one picture of 3 x 3 tiles, with the corner that such a picture would have.
void WriteMosaic(const fs::path& folder, const Volume& want, bool with_csa) {
  const Geometry& grid = want.geometry();
  const auto& n = grid.size_vox;
  Tensor picture = at::zeros({3 * n.x, 3 * n.y, 1}, at::kShort);
  for (int64_t k = 0; k < n.z; ++k) {
    const int64_t x = (k % 3) * n.x, y = (k / 3) * n.y;
    picture.slice(0, x, x + n.x).slice(1, y, y + n.y).select(2, 0).copy_(want.data().select(2, k));
  }
  Geometry flat = grid;
  flat.size_vox = {3 * n.x, 3 * n.y, 1};
  flat.origin_mm =
      grid.LpsFromVox({-1.0 * static_cast<double>(n.x), -1.0 * static_cast<double>(n.y), 0});
  DicomVolume volume = DwiVolume(flat, 400);
  volume.stored = Volume(picture, flat);
  volume.image_type = {"ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"};
  const fs::path file = phantom::WriteDicomSlices(folder, volume, kPatient)[0];
  if (!with_csa) return;
  gdcm::Reader reader;
  reader.SetFileName(file.c_str());
  ASSERT_TRUE(reader.Read());
  gdcm::DataSet data = reader.GetFile().GetDataSet();
  std::vector<std::string> normal;
  for (std::size_t r = 0; r < 3; ++r) normal.push_back(fmt::format("{:.8f}", grid.direction[r][2]));
  phantom::PutText(data, gdcm::Tag(0x0029, 0x0010), gdcm::VR::LO, "SIEMENS CSA HEADER");
  phantom::PutBytes(
      data,
      gdcm::Tag(0x0029, 0x1010),
      gdcm::VR::OB,
      Csa({{"NumberOfImagesInMosaic", {std::to_string(n.z)}}, {"SliceNormalVector", normal}}));
  gdcm::Writer writer;
  writer.GetFile().SetDataSet(data);
  writer.GetFile().GetHeader().SetDataSetTransferSyntax(
      gdcm::TransferSyntax::ExplicitVRLittleEndian);
  writer.SetFileName(file.c_str());
  ASSERT_TRUE(writer.Write());
}

TEST(DicomMosaic, TilesBecomeSlicesAtTheirTruePlaces) {
  const fs::path folder = testing::FreshFolder();
  const Volume want = Numbered(SmallGrid(8, -5, 10), 4);
  WriteMosaic(folder, want, true);
  const auto read = ReadDicomVolumes(folder, "P");
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].image.geometry().DifferenceFrom(want.geometry(), 1e-3), "");
  EXPECT_TRUE(at::equal(read[0].image.data(), want.data().to(at::kFloat)));
  EXPECT_EQ(read[0].b_s_per_mm2, 400.0);
}

TEST(DicomMosaic, WithoutItsPrivateHeaderItIsRefused) {
  const fs::path folder = testing::FreshFolder();
  WriteMosaic(folder, Numbered(SmallGrid(8), 4), false);
  EXPECT_THAT(FaultOf(folder), HasSubstr("a Siemens mosaic without the number of its slices"));
}

TEST(CsaNumbers, ADamagedHeaderGivesNothingAndNeverReadsBeyondItsEnd) {
  const std::string whole = Csa({{"Other", {"7", "8"}}, {"B_value", {"400"}}});
  EXPECT_THAT(dicom::CsaNumbers(whole, "B_value"), ::testing::ElementsAre(400));
  EXPECT_THAT(dicom::CsaNumbers(whole, "Other"), ::testing::ElementsAre(7, 8));
  EXPECT_TRUE(dicom::CsaNumbers(whole, "Missing").empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(dicom::CsaNumbers(whole.substr(0, size), "B_value").empty()) << size;
  }
  for (std::size_t at = 8; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = '\xff';
    dicom::CsaNumbers(damaged, "B_value");  // under the sanitizers: no fault
  }
}

}  // namespace
}  // namespace sap::preprocess
