// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/dicom_series.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dicom_builders.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/orient.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

using phantom::DicomVolume;
using phantom::WriteDicomSlices;
using ::testing::HasSubstr;
using ::testing::Not;

bool Holds(const Volume& image, const DicomVolume& written, double factor = 1, double shift = 0) {
  const Tensor want = written.stored.data().to(at::kFloat) * factor + shift;
  return image.SameGridAs(written.stored, 1e-4) &&
         (image.data() - want).abs().max().item<double>() < 1e-2;
}

TEST(DicomOrder, ShuffledInstanceNumbersGiveTheExactGridAndVoxels) {
  for (const double deg : {0.0, 10.0, 90.0, 180.0}) {
    const fs::path folder = testing::FreshFolder();
    const DicomVolume written = T1Volume(SmallGrid(9, -20, deg));
    WriteDicomSlices(folder, written, kPatient, Shuffled(9));
    const auto read = ReadDicomVolumes(folder, "P");
    ASSERT_EQ(read.size(), 1U);
    EXPECT_TRUE(Holds(read[0].image, written)) << deg;
    EXPECT_EQ(read[0].modality, kT1);
  }
}

TEST(DicomGaps, AMissingSliceIsRefusedWithItsPosition) {
  const fs::path folder = testing::FreshFolder();
  DicomVolume written = T1Volume(SmallGrid(9, -20));
  written.missing_slices = {4, 5};
  for (const bool say_step : {true, false}) {
    written.say_step = say_step;
    WriteDicomSlices(folder, written, kPatient, Shuffled(9));
    const std::string fault = FaultOf(folder);
    EXPECT_THAT(fault, HasSubstr("series 1 (T1): 2 of its slices are missing"));
    EXPECT_THAT(fault, HasSubstr("(-7.00, 11.00, -4.00), (-7.00, 11.00, 0.00) mm LPS"));
    EXPECT_THAT(fault, HasSubstr("export the series again"));
    EXPECT_THAT(ListDicom(folder, "P").Text(), HasSubstr("refused: series 1"));
  }
}

TEST(DicomGaps, UnevenStepsAreRefused) {
  const fs::path folder = testing::FreshFolder();
  Geometry grid = SmallGrid(5);
  DicomVolume written = T1Volume(grid);
  written.missing_slices = {3};
  WriteDicomSlices(folder, written, kPatient);
  grid.origin_mm.z += 0.15;  // 4 % of the step
  written.stored = Numbered(grid, 1);
  written.missing_slices = {0, 1, 2, 4};
  WriteDicomSlices(folder, written, kPatient);
  EXPECT_THAT(FaultOf(folder), HasSubstr("slices must be evenly spaced"));
}

// The authors' fault 6, for comparison: what positions would have refused or put right.
TEST(DicomOrder, ByInstanceNumberAReversedSeriesIsMirroredAndAGapStretchesTheRest) {
  DicomOptions fault;
  fault.by_instance_number = true;
  const DicomVolume t1 = T1Volume(SmallGrid(6), 1);
  const fs::path reversed = testing::FreshFolder() / "reversed";
  WriteDicomSlices(reversed, t1, kPatient, {6, 5, 4, 3, 2, 1});
  const Volume mirrored = ReadDicomStations(reversed, "P", fault).stations.at(0).image;
  const Volume right = ReadDicomStations(reversed, "P").stations.at(0).image;
  EXPECT_TRUE(at::equal(mirrored.data(), right.data().flip(2)));
  EXPECT_NEAR(mirrored.geometry().origin_mm.z, right.geometry().origin_mm.z + 20, 1e-6);

  DicomVolume gap = T1Volume(SmallGrid(6), 1);
  gap.missing_slices = {2};
  const fs::path missing = testing::FreshFolder() / "missing";
  WriteDicomSlices(missing, gap, kPatient, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(FaultOf(missing), HasSubstr("missing"));
  const Volume stretched = ReadDicomStations(missing, "P", fault).stations.at(0).image;
  EXPECT_EQ(stretched.geometry().size_vox.z, 5);
  EXPECT_NEAR(stretched.geometry().spacing_mm.z, 5.0, 1e-6);  // 20 mm over four steps, not 4 mm
}

TEST(DicomStations, OverlappingStationsOfOneSeriesComeApart) {
  struct Case {
    double offset_mm;
    bool own_acquisition;
  };
  // Off the first station's grid; on it with Acquisition Numbers; on it without.
  for (const Case& c : {Case{25.5, false}, Case{24, true}, Case{24, false}}) {
    const fs::path folder = testing::FreshFolder();
    const DicomVolume low = T1Volume(SmallGrid(10), 1);
    DicomVolume high = T1Volume(SmallGrid(10, c.offset_mm), 2);
    if (c.own_acquisition) high.acquisition_number = 2;
    WriteDicomSlices(folder, low, kPatient, Shuffled(10));
    WriteDicomSlices(folder, high, kPatient, Shuffled(10, 11));
    const StationSet set = ReadDicomStations(folder, "P");
    ASSERT_EQ(set.stations.size(), 2U) << c.offset_mm << c.own_acquisition;
    if (c.offset_mm == 24 && !c.own_acquisition) continue;  // copies are told apart by count only
    EXPECT_TRUE(Holds(set.stations[0].image, low));
    EXPECT_TRUE(Holds(set.stations[1].image, high));
    EXPECT_EQ(set.stations[1].station_idx, 1);
  }
}

TEST(DicomStations, TouchingStationsOfOneSeriesAreSplitAtAcquisitions) {
  const fs::path folder = testing::FreshFolder();
  const DicomVolume low = T1Volume(SmallGrid(6), 1);
  DicomVolume high = T1Volume(SmallGrid(6, 24), 2);
  high.acquisition_number = 2;
  WriteDicomSlices(folder, low, kPatient, Shuffled(6));
  WriteDicomSlices(folder, high, kPatient, Shuffled(6, 7));
  EXPECT_EQ(ReadDicomStations(folder, "P").stations.size(), 2U);
}

TEST(DicomStations, ARepeatReplacesTheEarlierScanAndSaysSo) {
  const fs::path folder = testing::FreshFolder();
  DicomVolume first = T1Volume(SmallGrid(8), 1), again = T1Volume(SmallGrid(8, 3), 2);
  again.series = "t1 again";
  again.series_number = 7;
  again.acquired = "20260101093000.0";
  WriteDicomSlices(folder / "x", again, kPatient);
  WriteDicomSlices(folder / "y", first, kPatient);
  const StationSet set = ReadDicomStations(folder, "P");
  ASSERT_EQ(set.stations.size(), 1U);
  EXPECT_TRUE(Holds(set.stations[0].image, again));
  EXPECT_THAT(set.notices, ::testing::Contains(HasSubstr("acquired again later")));
}

TEST(DicomStations, DerivedMapsAndScoutsAreLeftOutWithALine) {
  const fs::path folder = testing::FreshFolder();
  WriteDicomSlices(folder / "t1", T1Volume(SmallGrid(8)), kPatient);
  DicomVolume adc = DwiVolume(SmallGrid(8), 1000);
  adc.image_type = {"DERIVED", "PRIMARY", "ADC"};
  adc.series = "adc";
  DicomVolume mip = T1Volume(SmallGrid(8));
  mip.series = "mip";
  mip.description = "T1_MIP";
  DicomVolume scout = T1Volume(SmallGrid(2));
  scout.series = "scout";
  WriteDicomSlices(folder / "adc", adc, kPatient);
  WriteDicomSlices(folder / "mip", mip, kPatient);
  WriteDicomSlices(folder / "scout", scout, kPatient);
  const StationSet set = ReadDicomStations(folder, "P");
  EXPECT_EQ(set.stations.size(), 1U);
  const std::string text = ListDicom(folder, "P").Text();
  EXPECT_THAT(text, HasSubstr("derived map (ADC)"));
  EXPECT_THAT(text, HasSubstr("derived map (MIP)"));
  EXPECT_THAT(text, HasSubstr("fewer than 3 slices"));
  EXPECT_THAT(set.notices, ::testing::Contains(HasSubstr("derived map (ADC)")));
}

TEST(DicomStations, T1BeatsDixonAndInPhaseStandsInForIt) {
  const fs::path folder = testing::FreshFolder();
  for (const char* type : {"IP", "OP", "W", "F"}) {
    DicomVolume dixon = T1Volume(SmallGrid(8), type[0]);
    dixon.description = "mDIXON";  // one series, told apart by Philips' type tag
    dixon.protocol = "body";
    dixon.series = "dixon";
    dixon.vendor = phantom::Vendor::kPhilips;
    dixon.philips_type = type;
    WriteDicomSlices(folder / type, dixon, kPatient, Shuffled(8, type[0] * 10));
  }
  const StationSet alone = ReadDicomStations(folder, "P");
  ASSERT_EQ(alone.stations.size(), 1U);
  EXPECT_EQ(alone.stations[0].sequence, "Dixon_in");
  EXPECT_EQ(alone.stations[0].modality, kT1);
  EXPECT_TRUE(
      at::equal(alone.stations[0].image.data(), Numbered(SmallGrid(8), 'I').data().to(at::kFloat)));
  WriteDicomSlices(folder / "t1", T1Volume(SmallGrid(8)), kPatient);
  EXPECT_EQ(ReadDicomStations(folder, "P").stations[0].sequence, "T1");
}

TEST(DicomDiffusion, ReadsTheBValueOfEveryVendor) {
  using phantom::Vendor;
  for (const Vendor vendor : {Vendor::kStandard, Vendor::kSiemens, Vendor::kGe, Vendor::kPhilips}) {
    for (const bool offset : {false, true}) {
      if (offset && vendor != Vendor::kGe) continue;
      const fs::path folder = testing::FreshFolder();
      for (const double b : {0.0, 50.0, 1000.0}) {
        DicomVolume volume = DwiVolume(SmallGrid(5), b, static_cast<int64_t>(b));
        volume.vendor = vendor;
        volume.ge_offset = offset && b > 0;
        WriteDicomSlices(folder / std::to_string(static_cast<int>(b)), volume, kPatient);
      }
      const StationSet set = ReadDicomStations(folder, "P");
      ASSERT_EQ(set.stations.size(), 3U) << EnumName(vendor);
      std::size_t i = 0;
      for (const double b : {0.0, 50.0, 1000.0}) {
        EXPECT_EQ(set.stations[i].b_s_per_mm2, b) << EnumName(vendor);
        EXPECT_TRUE(
            Holds(set.stations[i++].image, DwiVolume(SmallGrid(5), b, static_cast<int64_t>(b))));
      }
    }
  }
}

TEST(DicomDiffusion, AVendorTagBehindAnotherCreatorIsNotBelieved) {
  const fs::path folder = testing::FreshFolder();
  DicomVolume volume = DwiVolume(SmallGrid(5), 800);
  volume.vendor = phantom::Vendor::kSiemens;
  for (const fs::path& file : WriteDicomSlices(folder, volume, kPatient)) {
    std::string bytes = ReadFile(file);
    const auto at = bytes.find("SIEMENS MR HEADER");
    ASSERT_NE(at, std::string::npos);
    WriteFileAtomically(file, bytes.replace(at, 7, "SOMEONE"));
  }
  EXPECT_THAT(FaultOf(folder), HasSubstr("no b-value in the standard tag"));
}

TEST(DicomDiffusion, AveragesDirectionsAndPrefersTheTrace) {
  const fs::path folder = testing::FreshFolder();
  const XyzDouble gradients[] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (int d = 0; d < 3; ++d) {
    DicomVolume volume = DwiVolume(SmallGrid(5), 1000, d);
    volume.gradient = gradients[d];
    volume.directionality = "DIRECTIONAL";
    WriteDicomSlices(folder / std::to_string(d), volume, kPatient, Shuffled(5, 1 + 5 * d));
  }
  const StationSet mean = ReadDicomStations(folder, "P");
  ASSERT_EQ(mean.stations.size(), 1U);
  Tensor sum = at::zeros({6, 5, 5});
  for (int d = 0; d < 3; ++d) sum += Numbered(SmallGrid(5), d).data();
  EXPECT_LT((mean.stations[0].image.data() - sum / 3).abs().max().item<double>(), 1e-2);

  DicomVolume trace = DwiVolume(SmallGrid(5), 1000, 77);
  trace.image_type = {"DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"};
  trace.series = "trace";
  WriteDicomSlices(folder / "trace", trace, kPatient);
  const StationSet set = ReadDicomStations(folder, "P");
  ASSERT_EQ(set.stations.size(), 1U);
  EXPECT_TRUE(Holds(set.stations[0].image, trace));
  EXPECT_THAT(set.notices, ::testing::Contains(HasSubstr("the trace image is there too")));
}

TEST(DicomDiffusion, BValuesOnDifferentGridsAreRefused) {
  const fs::path folder = testing::FreshFolder();
  WriteDicomSlices(folder / "a", DwiVolume(SmallGrid(6), 50), kPatient);
  DicomVolume other = DwiVolume(SmallGrid(6), 1000);
  other.missing_slices = {0, 5};  // at both ends: no gap, and the same centre
  WriteDicomSlices(folder / "b", other, kPatient);
  EXPECT_THAT(FaultOf(folder), HasSubstr("b 50 and b 1000 lie on different grids"));
}

TEST(DicomPhilips, PreciseValuesUndoTheDisplaySlopes) {
  const fs::path folder = testing::FreshFolder();
  DicomVolume low = T1Volume(SmallGrid(5), 1), high = T1Volume(SmallGrid(5, 18), 2);
  low.vendor = high.vendor = phantom::Vendor::kPhilips;
  low.slope = 2.5, low.philips_scale = 0.125;
  high.slope = 4, high.philips_scale = 0.125, high.series = "t1 high";
  WriteDicomSlices(folder / "a", low, kPatient);
  WriteDicomSlices(folder / "b", high, kPatient);
  const auto precise = ReadDicomVolumes(folder, "P");
  EXPECT_TRUE(Holds(precise[0].image, low, 8));
  EXPECT_TRUE(Holds(precise[1].image, high, 8));
  const auto display = ReadDicomVolumes(folder, "P", {.philips_precise = false});
  EXPECT_TRUE(Holds(display[0].image, low, 2.5));
  EXPECT_TRUE(Holds(display[1].image, high, 4));
}

TEST(DicomScale, SlopeAndInterceptOfEachSliceAreApplied) {
  const fs::path folder = testing::FreshFolder();
  DicomVolume written = T1Volume(SmallGrid(5));
  written.slope = 0.5;
  written.intercept = -3;
  WriteDicomSlices(folder, written, kPatient);
  EXPECT_TRUE(Holds(ReadDicomVolumes(folder, "P")[0].image, written, 0.5, -3));
}

TEST(DicomRefusals, TwoPatientsInOneFolder) {
  const fs::path folder = testing::FreshFolder();
  WriteDicomSlices(folder / "a", T1Volume(SmallGrid(5)), kPatient);
  phantom::DicomPatient other = kPatient;
  other.id = "PID-999";
  DicomVolume volume = T1Volume(SmallGrid(5));
  volume.series = "other";
  WriteDicomSlices(folder / "b", volume, other);
  const std::string fault = FaultOf(folder);
  // Both are called IM00001.dcm.
  EXPECT_THAT(
      fault,
      HasSubstr("two patients: Patient ID differs between file 1 of 10 in order of path and "
                "file 6 of 10 in order of path"));
  fs::rename(folder / "b" / "IM00001.dcm", folder / "b" / "IM00000.dcm");
  EXPECT_THAT(FaultOf(folder), HasSubstr("between IM00001.dcm and IM00000.dcm"));
  fs::remove(folder / "b" / "IM00000.dcm");
  EXPECT_THAT(fault, Not(HasSubstr("778123")));
  other = kPatient;
  other.birth_date = "19500101";
  WriteDicomSlices(folder / "b", volume, other);
  EXPECT_THAT(FaultOf(folder), HasSubstr("Patient's Birth Date differs"));
}

TEST(DicomRefusals, AxesThatAreNotOrthonormal) {
  for (const bool sheared : {true, false}) {
    const fs::path folder = testing::FreshFolder();
    Geometry grid = SmallGrid(5);
    grid.direction[0][1] = sheared ? 0.1 : 0;
    if (!sheared) grid.direction[0][0] = 1.1;
    WriteDicomSlices(folder, T1Volume(grid), kPatient);
    const std::string fault = FaultOf(folder);
    EXPECT_THAT(fault, HasSubstr("IM00001.dcm: Image Orientation (0020,0037)"));
    EXPECT_THAT(fault, HasSubstr(sheared ? "cosine of 0.1" : "length 1.1 and 1"));
  }
}

TEST(DicomRefusals, AFolderWithoutAnyDicom) {
  const fs::path folder = testing::FreshFolder();
  WriteFileAtomically(folder / "notes.txt", "hello");
  EXPECT_THAT(FaultOf(folder), HasSubstr("none of 1 files is DICOM"));
  EXPECT_FALSE(HoldsDicom(folder));
}

TEST(HashOfContents, DependsOnContentsAndNotOnNames) {
  const fs::path folder = testing::FreshFolder();
  WriteFileAtomically(folder / "a", "one");
  WriteFileAtomically(folder / "b", "two");
  const std::string hash = HashOfContents(folder);
  fs::rename(folder / "a", folder / "z");
  EXPECT_EQ(HashOfContents(folder), hash);
  WriteFileAtomically(folder / "b", "three");
  EXPECT_NE(HashOfContents(folder), hash);
}

// Everything that this part can say about a patient whose header, folder and file names are full
// of what must not be said.
TEST(DicomPrivacy, NothingOfTheHeaderOrThePathIsInAnyOutput) {
  const fs::path root = testing::FreshFolder();
  const fs::path folder = root / "Quillfeather_Xanthe" / "PID-778123";
  DicomVolume missing = T1Volume(SmallGrid(8));
  missing.missing_slices = {3};
  WriteDicomSlices(folder / "t1", T1Volume(SmallGrid(8)), kPatient);
  WriteDicomSlices(folder / "dwi", DwiVolume(SmallGrid(8), 1000), kPatient);
  std::string said = ListDicom(folder, "case-1").Text();
  const StationSet set = ReadDicomStations(folder, "case-1");
  for (const Station& s : set.stations) said += s.modality + s.sequence;
  for (const std::string& notice : set.notices) said += notice;
  said += set.case_id + set.input_sha256;
  // Refusals: a damaged file whose name is the patient's, a gap, a second patient.
  const fs::path file = WriteDicomSlices(folder / "bad", T1Volume(SmallGrid(1, 99)), kPatient)[0];
  std::string bytes = ReadFile(file);
  WriteFileAtomically(folder / "bad" / "quillfeather.dcm", bytes.substr(0, bytes.size() - 20));
  fs::remove(file);
  said += FaultOf(folder);
  EXPECT_THAT(said, HasSubstr("truncated"));
  fs::remove_all(folder / "bad");
  fs::remove_all(folder / "t1");
  WriteDicomSlices(folder / "t1", missing, kPatient);
  said += FaultOf(folder);
  WriteDicomSlices(folder / "two", missing, {"Other^Name", "PID-1", "19430217", "x"});
  said += FaultOf(folder);
  EXPECT_THAT(said, HasSubstr("two patients"));
  for (const char* secret : {"Quillfeather",
                             "quillfeather",
                             "Xanthe",
                             "778123",
                             "19430217",
                             "Planted",
                             "20260101",
                             "2.25.",
                             "/"}) {
    if (std::string(secret) == "/") {
      EXPECT_THAT(said, Not(HasSubstr(root.string())));
      continue;
    }
    EXPECT_THAT(said, Not(HasSubstr(secret)));
  }
  // Only the local report that is asked for has free text, and says so.
  EXPECT_THAT(ListDicom(folder / "dwi", "c").Text(true), HasSubstr("may identify the patient"));
}

}  // namespace
}  // namespace sap::preprocess
