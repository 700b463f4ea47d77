// SPDX-License-Identifier: Apache-2.0
// One test per trap of docs/formats.md: the header is written byte by byte.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/nifti_bytes.h"
#include "sap/core/error.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap {
namespace {

using ::testing::AllOf;
using testing::FreshFolder;
using testing::Gzipped;
using ::testing::HasSubstr;
using testing::NiftiBytes;

Volume ReadBack(const NiftiBytes& nifti) {
  return ReadVolume(nifti.WriteTo(FreshFolder() / "case.nii"));
}

std::string MessageOf(ErrorKind kind, const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

std::string Refusal(ErrorKind kind, const NiftiBytes& nifti) {
  return MessageOf(kind, [&] { ReadBack(nifti); });
}

void ExpectNear(const XyzDouble& actual, const XyzDouble& expected, double tol = 1e-5) {
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(actual[a], expected[a], tol) << "axis " << a;
}

TEST(ReadNifti, VoxelsStandInTheArrayOrderOfTheFile) {
  const Volume volume = ReadBack(NiftiBytes());
  ASSERT_EQ(volume.data().sizes(), (at::IntArrayRef{3, 4, 5}));
  const Tensor expected_XYZ =
      at::arange(60, at::kFloat).view({5, 4, 3}).permute({2, 1, 0}).contiguous();
  EXPECT_TRUE(at::equal(volume.data(), expected_XYZ));
  EXPECT_TRUE(volume.data().is_contiguous());
}

TEST(ReadNifti, RasBecomesLps) {
  const Geometry grid = ReadBack(NiftiBytes()).geometry();
  EXPECT_EQ(grid.OrientationCode(), "RAS");
  ExpectNear(grid.spacing_mm, {2, 3, 4});
  ExpectNear(grid.LpsFromVox({1, 1, 1}), {-12, -23, 34});
}

TEST(ReadNifti, BigEndianReadsTheSame) {
  EXPECT_TRUE(at::equal(ReadBack(NiftiBytes(true)).data(), ReadBack(NiftiBytes()).data()));
  EXPECT_TRUE(ReadBack(NiftiBytes(true)).SameGridAs(ReadBack(NiftiBytes())));
}

TEST(ReadNifti, TakesTheSformWhereTheQformDisagrees) {
  NiftiBytes nifti;
  nifti.SetCodes(1, 1).SetQform({0, 0, 1}, {-100, 0, 0});
  ::testing::internal::CaptureStderr();
  const Geometry grid = ReadBack(nifti).geometry();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("sform and qform disagree"));
  ExpectNear(grid.origin_mm, {-10, -20, 30});
}

TEST(ReadNifti, TakesTheQformWhereThereIsNoSform) {
  NiftiBytes nifti;
  // Half a turn about k with qfac -1: i to the left, j to the back, k to the feet.
  nifti.SetCodes(1, 0).SetQform({0, 0, 1}, {5, 6, 7}).Put(76, -1.0F);
  const Geometry grid = ReadBack(nifti).geometry();
  EXPECT_EQ(grid.OrientationCode(), "LPI");
  ExpectNear(grid.origin_mm, {-5, -6, 7});
  ExpectNear(grid.LpsFromVox({1, 1, 1}), {-3, -3, 3});
}

TEST(ReadNifti, RefusesAFileWithoutAnOrientation) {
  EXPECT_THAT(Refusal(ErrorKind::kGeometry, NiftiBytes().SetCodes(0, 0)),
              AllOf(HasSubstr("case.nii"), HasSubstr("sform_code and qform_code are 0")));
}

TEST(ReadNifti, RefusesZeroSpacing) {
  NiftiBytes sform;
  sform.SetSform({{{0, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}}});
  EXPECT_THAT(Refusal(ErrorKind::kGeometry, sform), HasSubstr("spacing"));
  NiftiBytes qform;
  qform.SetCodes(1, 0).Put(84, 0.0F);
  EXPECT_THAT(Refusal(ErrorKind::kGeometry, qform), HasSubstr("pixdim[2]"));
}

TEST(ReadNifti, RefusesShearAndPolishesRounding) {
  NiftiBytes sheared;
  sheared.SetSform({{{2, 0.3F, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}}});
  EXPECT_THAT(Refusal(ErrorKind::kGeometry, sheared), HasSubstr("sheared"));
  NiftiBytes rounded;
  rounded.SetSform({{{2, 0.001F, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}}});
  ::testing::internal::CaptureStderr();
  const Matrix3 d = ReadBack(rounded).geometry().direction;
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("right angles"));
  EXPECT_NEAR(d[0][0] * d[0][1] + d[1][0] * d[1][1] + d[2][0] * d[2][1], 0.0, 1e-14);
}

TEST(ReadNifti, ConvertsMetresAndMicronsToMillimetres) {
  NiftiBytes metres;
  metres.SetSform({{{0.002F, 0, 0, 0.01F}, {0, 0.003F, 0, 0.02F}, {0, 0, 0.004F, 0.03F}}});
  metres.bytes()[123] = 1;
  EXPECT_TRUE(ReadBack(metres).SameGridAs(ReadBack(NiftiBytes())));
  NiftiBytes microns;
  microns.SetSform({{{2000, 0, 0, 1e4F}, {0, 3000, 0, 2e4F}, {0, 0, 4000, 3e4F}}});
  microns.bytes()[123] = 3;
  EXPECT_TRUE(ReadBack(microns).SameGridAs(ReadBack(NiftiBytes())));
  NiftiBytes unknown;
  unknown.bytes()[123] = 5;
  EXPECT_THAT(Refusal(ErrorKind::kGeometry, unknown), HasSubstr("unit 5"));
}

TEST(ReadNifti, SlopeZeroOrNanMeansStoredValues) {
  for (const float slope : {0.0F, std::numeric_limits<float>::quiet_NaN()}) {
    NiftiBytes nifti;
    nifti.Put(112, slope).Put(116, 7.0F);
    EXPECT_EQ(ReadBack(nifti).data().max().item<float>(), 59.0F);
  }
  NiftiBytes scaled;
  scaled.Put(112, 0.5F).Put(116, 7.0F);
  EXPECT_EQ(ReadBack(scaled).data().max().item<float>(), 36.5F);
  NiftiBytes infinite;
  infinite.Put(112, std::numeric_limits<float>::infinity());
  EXPECT_THAT(Refusal(ErrorKind::kInput, infinite), HasSubstr("scl_slope"));
}

TEST(ReadNifti, AcceptsOneVolumeInFourDimensionsAndRefusesTwo) {
  EXPECT_TRUE(at::equal(ReadBack(NiftiBytes().SetDims({4, 3, 4, 5, 1, 1, 1, 1})).data(),
                        ReadBack(NiftiBytes()).data()));
  NiftiBytes two;
  two.SetDims({4, 3, 4, 5, 2, 1, 1, 1});
  for (int16_t i = 0; i < 60; ++i) two.Append(i);
  EXPECT_THAT(Refusal(ErrorKind::kInput, two), HasSubstr("more than one volume"));
}

TEST(ReadNifti, RefusesTruncatedFiles) {
  NiftiBytes plain;
  plain.bytes().pop_back();
  EXPECT_THAT(Refusal(ErrorKind::kInput, plain), HasSubstr("truncated"));
  const auto path = FreshFolder() / "case.nii.gz";
  // Every cut of the compressed file is refused, those inside the CRC at its end too.
  const std::string whole = Gzipped(NiftiBytes().bytes());
  for (std::size_t size = 3; size < whole.size(); ++size) {
    WriteFileAtomically(path, std::string_view(whole).substr(0, size));
    MessageOf(ErrorKind::kInput, [&] { ReadVolume(path); });
  }
  WriteFileAtomically(path, Gzipped(plain.bytes()));
  EXPECT_THAT(MessageOf(ErrorKind::kInput, [&] { ReadVolume(path); }), HasSubstr("truncated"));
}

TEST(ReadNifti, RefusesABitFlippedStream) {
  const auto path = FreshFolder() / "case.nii.gz";
  std::string bytes = Gzipped(NiftiBytes().bytes());
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // in the CRC
  WriteFileAtomically(path, bytes);
  EXPECT_THAT(MessageOf(ErrorKind::kInput, [&] { ReadVolume(path); }), HasSubstr("damaged"));
}

TEST(ReadNifti, IgnoresZeroPaddingAndRefusesOtherData) {
  const Tensor expected_XYZ = ReadBack(NiftiBytes()).data();
  const auto path = FreshFolder() / "case.nii.gz";
  const std::string whole = Gzipped(NiftiBytes().bytes());
  WriteFileAtomically(path, whole + std::string(100, '\0'));
  EXPECT_TRUE(at::equal(ReadVolume(path).data(), expected_XYZ));
  WriteFileAtomically(path, whole + "rest");
  EXPECT_THAT(MessageOf(ErrorKind::kInput, [&] { ReadVolume(path); }), HasSubstr("other data"));
  NiftiBytes longer;
  longer.Append(int16_t{1});
  EXPECT_THAT(Refusal(ErrorKind::kInput, longer), HasSubstr("more data follows"));
  NiftiBytes slice_longer;
  slice_longer.bytes() += std::string(3 * 4 * 2, '\0');
  EXPECT_THAT(Refusal(ErrorKind::kInput, slice_longer), HasSubstr("more data follows"));
}

TEST(ReadNifti, ReadsEveryScalarTypeAndRefusesOthersByName) {
  const auto expect_same = [](auto zero, int16_t datatype) {
    std::vector<decltype(zero)> values(60);
    for (std::size_t i = 0; i < 60; ++i) values[i] = static_cast<decltype(zero)>(i);
    for (const bool big_endian : {false, true}) {
      NiftiBytes nifti(big_endian);
      nifti.SetVoxels(datatype, values);
      EXPECT_TRUE(at::equal(ReadBack(nifti).data(), ReadBack(NiftiBytes()).data())) << datatype;
    }
  };
  expect_same(uint8_t{}, 2);
  expect_same(int8_t{}, 256);
  expect_same(uint16_t{}, 512);
  expect_same(int16_t{}, 4);
  expect_same(uint32_t{}, 768);
  expect_same(int32_t{}, 8);
  expect_same(uint64_t{}, 1280);
  expect_same(int64_t{}, 1024);
  expect_same(float{}, 16);
  expect_same(double{}, 64);
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().SetType(128, 24)), HasSubstr("RGB24"));
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().SetType(32, 64)), HasSubstr("complex64"));
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().SetType(4, 8)), HasSubstr("bitpix"));
}

TEST(ReadNifti, RefusesNanVoxelsUnlessAllowed) {
  std::vector<float> values(60, 1.0F);
  values[7] = std::numeric_limits<float>::quiet_NaN();  // file order: x 1, y 2, z 0
  NiftiBytes nifti;
  nifti.SetVoxels(16, values);
  EXPECT_THAT(Refusal(ErrorKind::kInput, nifti),
              AllOf(HasSubstr("1 voxel is NaN"), HasSubstr("(1, 2, 0)")));
  const auto path = nifti.WriteTo(FreshFolder() / "case.nii");
  EXPECT_TRUE(ReadVolume(path, {.allow_nan = true}).data()[1][2][0].isnan().item<bool>());
}

TEST(ReadNifti, RefusesALyingHeaderBeforeItAllocates) {
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().SetDims({3, 32000, 32000, 15, 1, 1, 1, 1})),
              HasSubstr("truncated"));
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().SetDims({3, -3, 4, 5, 1, 1, 1, 1})),
              HasSubstr("dim[1]"));
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().Put(108, 0.0F)), HasSubstr("vox_offset"));
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().Put(0, int32_t{349})), HasSubstr("349"));
  EXPECT_THAT(Refusal(ErrorKind::kInput, NiftiBytes().Put(344, 'x')), HasSubstr("Analyze"));
}

TEST(ReadLabels, TakesWholeNumbersInFloatsAndThroughASlope) {
  NiftiBytes floats;
  std::vector<float> values(60);
  for (std::size_t i = 0; i < 60; ++i) values[i] = static_cast<float>(i);
  floats.SetVoxels(16, values);
  const auto path = FreshFolder() / "GT.nii";
  const Tensor expected_XYZ = ReadBack(NiftiBytes()).data().to(at::kShort);
  EXPECT_TRUE(at::equal(ReadLabels(floats.WriteTo(path)).data(), expected_XYZ));
  NiftiBytes slope;
  slope.SetVoxels(2, [] {
    std::vector<uint8_t> tens(60);
    for (std::size_t i = 0; i < 60; ++i) tens[i] = static_cast<uint8_t>(i % 26 * 10);
    return tens;
  }());
  slope.Put(112, 0.1F);
  const Tensor labels_XYZ = ReadLabels(slope.WriteTo(path)).data();
  EXPECT_EQ(labels_XYZ.scalar_type(), at::kShort);
  EXPECT_EQ(labels_XYZ.max().item<int>(), 25);
}

TEST(ReadLabels, RefusesFractionsNegativesAndLargeValues) {
  for (const float bad : {0.5F, -1.0F, 32768.0F, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> values(60, 1.0F);
    values[59] = bad;
    NiftiBytes nifti;
    nifti.SetVoxels(16, values);
    const auto path = nifti.WriteTo(FreshFolder() / "GT.nii");
    EXPECT_THAT(MessageOf(ErrorKind::kInput, [&] { ReadLabels(path); }), HasSubstr("(2, 3, 4)"));
  }
}

}  // namespace
}  // namespace sap
