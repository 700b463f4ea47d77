// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/grids.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

using testing::FreshFolder;
using testing::ObliqueGrid;
using testing::RampVolume;

TEST(WriteVolume, ReadsBackTheSameInEveryFormat) {
  const auto folder = FreshFolder();
  const Volume volume = RampVolume(ObliqueGrid({7, 18, 35}));
  for (const char* name : {"a.nii", "a.nii.gz", "a.mha", "a.nrrd"}) {
    WriteVolume(folder / name, volume);
    const Volume back = ReadVolume(folder / name);
    EXPECT_TRUE(at::equal(back.data(), volume.data())) << name;
    EXPECT_TRUE(back.SameGridAs(volume, 1e-3))
        << name << ": " << back.geometry().DifferenceFrom(volume.geometry());
    EXPECT_TRUE(ReadGeometry(folder / name).SameGridAs(volume.geometry(), 1e-3)) << name;
  }
}

TEST(WriteVolume, KeepsEveryLabelType) {
  const auto folder = FreshFolder();
  const Geometry grid = ObliqueGrid({5, 6, 150});  // more slices than are written at a time
  for (const at::ScalarType dtype : {at::kByte, at::kShort, at::kInt}) {
    const Tensor labels_XYZ = at::arange(4500).remainder(199).view({5, 6, 150}).to(dtype);
    for (const char* name : {"l.nii.gz", "l.mha", "l.nrrd"}) {
      WriteVolume(folder / name, Volume(labels_XYZ, grid));
      EXPECT_TRUE(at::equal(ReadLabels(folder / name).data(), labels_XYZ.to(at::kShort))) << name;
    }
  }
}

TEST(WriteVolume, CompressesWhatRecursInWholeNumbersAndOnlyRunsInOthers) {
  const auto path = FreshFolder() / "a.nii.gz";
  const Geometry grid = ObliqueGrid({64, 64, 16});
  at::manual_seed(6);
  // Each row of voxels again and again.
  const Tensor whole_XYZ = at::randint(1000, {64, 1, 1}, at::kFloat).expand({64, 64, 16}).clone();
  const auto bytes_of = [&](const Tensor& data_XYZ) {
    WriteVolume(path, {data_XYZ, grid});
    EXPECT_TRUE(at::equal(ReadVolume(path).data(), data_XYZ));
    return static_cast<double>(std::filesystem::file_size(path));
  };
  EXPECT_LT(bytes_of(whole_XYZ) / bytes_of(whole_XYZ + 1 / 3.0), 0.1);
  // Measured voxels: a third of the volume in the background of the rest.
  Tensor noise_XYZ = at::zeros({64, 64, 16});
  noise_XYZ.narrow(0, 0, 21).uniform_(10, 20);
  EXPECT_LT(bytes_of(noise_XYZ) / (64.0 * 64 * 16 * 4), 0.31);
}

TEST(WriteVolume, SformAndQformAgreeForEveryAxisOrder) {
  // The reader takes the sform; clearing its code makes it take the qform.
  const auto path = FreshFolder() / "a.nii";
  for (const Geometry& grid : testing::AllOrientations(ObliqueGrid({3, 4, 5}))) {
    WriteVolume(path, RampVolume(grid));
    std::string bytes = ReadFile(path);
    bytes[254] = 0;
    WriteFileAtomically(path, bytes);
    EXPECT_TRUE(ReadGeometry(path).SameGridAs(grid, 1e-3))
        << ReadGeometry(path).DifferenceFrom(grid);
  }
}

TEST(WriteVolume, HeaderCarriesNoFreeText) {
  const auto path = FreshFolder() / "a.nii";
  WriteVolume(path, RampVolume(ObliqueGrid({3, 4, 5})));
  const std::string bytes = ReadFile(path);
  EXPECT_EQ(bytes.substr(148, 104), std::string(104, '\0'));  // descrip, aux_file
  EXPECT_EQ(bytes.substr(328, 16), std::string(16, '\0'));    // intent_name
  EXPECT_EQ(bytes.substr(348, 4), std::string(4, '\0'));      // no extension
}

TEST(WriteVolume, TheSameVolumeGivesTheSameBytes) {
  const auto folder = FreshFolder();
  WriteVolume(folder / "a.nii.gz", RampVolume(ObliqueGrid({9, 9, 9})));
  WriteVolume(folder / "b.nii.gz", RampVolume(ObliqueGrid({9, 9, 9})));
  EXPECT_EQ(Sha256OfFile(folder / "a.nii.gz"), Sha256OfFile(folder / "b.nii.gz"));
}

TEST(ReadVolume, RefusesMetaAndNrrdThatItkWouldGuess) {
  const auto folder = FreshFolder();
  const std::string voxels(8, '\1');
  const auto refused = [&](const char* name, const std::string& bytes, ErrorKind kind) {
    WriteFileAtomically(folder / name, bytes);
    try {
      ReadVolume(folder / name);
      ADD_FAILURE() << bytes << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
    }
  };
  const std::string mha =
      "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
      "CompressedData = False\nDimSize = 2 2 2\nElementType = MET_UCHAR\n";
  const std::string grid = "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n";
  const std::string local = "ElementDataFile = LOCAL\n";
  refused("a.mha", mha + grid + local + voxels, ErrorKind::kGeometry);  // no spacing
  refused("a.mha", mha + "ElementSpacing = 1 1 1\n" + local + voxels, ErrorKind::kGeometry);
  const std::string spaced = mha + "ElementSpacing = 1 1 1\n" + grid;
  refused("a.mha", spaced + local + voxels.substr(1), ErrorKind::kInput);  // truncated
  refused("a.mha", spaced + "ElementDataFile = b.raw\n", ErrorKind::kInput);
  WriteFileAtomically(folder / "a.mha", spaced + local + voxels);
  EXPECT_EQ(ReadVolume(folder / "a.mha").data().sum().item<float>(), 8.0F);

  // Raw voxels that begin like a gzip stream are voxels.
  WriteFileAtomically(folder / "a.mha", spaced + local + "\x1F\x8B" + voxels.substr(2));
  EXPECT_EQ(ReadVolume(folder / "a.mha").data().max().item<float>(), 139.0F);

  const std::string nrrd = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n";
  const std::string origin = "space origin: (1,2,3)\n";
  const std::string axes = "space directions: (2,0,0) (0,3,0) (0,0,4)\n";
  refused("a.nrrd", nrrd + "\n" + voxels, ErrorKind::kGeometry);
  refused(
      "a.nrrd", nrrd + "space: scanner-xyz\n" + axes + origin + "\n" + voxels, ErrorKind::kInput);
  const std::string ras = nrrd + "space: right-anterior-superior\n" + axes + origin + "\n";
  refused("a.nrrd", ras + voxels.substr(2), ErrorKind::kInput);
  WriteFileAtomically(folder / "a.nrrd", ras + voxels);
  const Geometry read = ReadVolume(folder / "a.nrrd").geometry();
  EXPECT_EQ(read.OrientationCode(), "RAS");
  EXPECT_EQ(read.origin_mm, (XyzDouble{-1, -2, 3}));
}

TEST(ReadVolume, NamesTheFileByItsLastTwoParts) {
  try {
    ReadVolume("/secret/place/case_1/T1.nii.gz");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("case_1/T1.nii.gz"));
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("place")));
  }
}

}  // namespace
}  // namespace sap
