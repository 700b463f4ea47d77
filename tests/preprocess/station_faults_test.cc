// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/station_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faults/small_exam.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/dicom_series.h"
#include "sap/preprocess/nifti_stations.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Slabs of 100 mm, whose lowest slice centres lie at the given heights.
std::vector<StationOutline> Slabs(const std::string& modality,
                                  const std::vector<double>& heights_mm,
                                  std::optional<double> b_s_per_mm2 = {}) {
  std::vector<StationOutline> slabs;
  for (const double z_mm : heights_mm) {
    const Geometry grid{
        .size_vox = {8, 8, 10}, .spacing_mm = {10, 10, 10}, .origin_mm = {0, 0, z_mm}};
    slabs.push_back({grid, modality, b_s_per_mm2});
  }
  return slabs;
}

std::vector<std::string> FaultsOf(const std::vector<std::vector<StationOutline>>& groups,
                                  double max_gap_mm = 50) {
  std::vector<StationOutline> all;
  for (const auto& group : groups) all.insert(all.end(), group.begin(), group.end());
  NumberStations(all);
  return StationFaults(all, {}, max_gap_mm);
}

TEST(StationFaults, NoneOfAWholeExamWithSmallGaps) {
  EXPECT_THAT(FaultsOf({Slabs(kT1, {0, 90, 240}), Slabs(kDwi, {0, 90}, 900)}), IsEmpty());
}

TEST(StationFaults, AllAreToldAtOnce) {
  EXPECT_THAT(FaultsOf({Slabs(kDwi, {0, 90, 300}, 50), Slabs(kDwi, {90}, 1100)}),
              ElementsAre(HasSubstr("no T1 station; each patient needs T1 and diffusion stations"),
                          HasSubstr("diffusion stations 1, 3 have no b-value within 250 of 1000 "
                                    "s/mm2 (nearest: 50)"),
                          HasSubstr("110 mm of the body lie in no DWI station, between stations 2 "
                                    "and 3 from below; at most 50 mm may")));
  EXPECT_THAT(FaultsOf({Slabs(kT1, {0, 160})}),
              ElementsAre(HasSubstr("no DWI station"), HasSubstr("60 mm of the body")));
  EXPECT_THAT(FaultsOf({Slabs(kT1, {0, 160}), Slabs(kDwi, {0})}, 60),
              ElementsAre(HasSubstr("diffusion station 1 has no b-value within 250 of 1000 s/mm2 "
                                    "(nearest: unknown)")));
}

TEST(StationFaults, BValuesMayDifferInTheOrderOfAxesButNotInTheirPlace) {
  const std::vector<StationOutline> t1 = Slabs(kT1, {0});
  const std::vector<StationOutline> low = Slabs(kDwi, {0}, 50);
  std::vector<StationOutline> high = Slabs(kDwi, {0}, 1000);
  Geometry& grid = high[0].grid;
  // x runs the other way from the other end.
  grid.origin_mm.x = 70;
  grid.direction[0][0] = -1;
  EXPECT_THAT(FaultsOf({t1, low, high}), IsEmpty());
  const auto unlike =
      ElementsAre(HasSubstr("the b-values of diffusion station 1 are on different"));
  grid.origin_mm.x = 70.2;
  EXPECT_THAT(FaultsOf({t1, low, high}), unlike);
  grid = low[0].grid;
  grid.size_vox.y = 16;
  grid.spacing_mm.y = 5;
  grid.origin_mm.y = -2.5;  // the same place in finer voxels
  EXPECT_THAT(FaultsOf({t1, low, high}), unlike);
}

// What headers tell is what reading gives.
void ExpectOutlinesOf(const std::vector<StationOutline>& found, const StationSet& read) {
  std::vector<StationOutline> expected = OutlinesOf(read.stations);
  ASSERT_EQ(found.size(), expected.size());
  for (const StationOutline& outline : found) {
    const auto same = std::find_if(expected.begin(), expected.end(), [&](const auto& other) {
      return outline.modality == other.modality && outline.station_idx == other.station_idx &&
             outline.b_s_per_mm2 == other.b_s_per_mm2 &&
             outline.grid.NumVoxels() == other.grid.NumVoxels() &&
             std::abs(CentreZMm(outline.grid) - CentreZMm(other.grid)) < 1e-3;
    });
    ASSERT_NE(same, expected.end()) << outline.modality << outline.grid.ToString();
    expected.erase(same);
  }
}

TEST(Outlines, OfNiftiAndDicomAreThoseOfTheVolumesRead) {
  const fs::path folder = testing::FreshFolder();
  testing::WriteNiftiExam(folder / "nifti");
  ExpectOutlinesOf(NiftiOutlines(folder / "nifti", "P"), ReadNiftiStations(folder / "nifti", "P"));
  testing::WriteDicomExam(folder / "dicom", {});
  const Geometry scout_grid{.size_vox = {20, 20, 2}, .spacing_mm = {9, 9, 9}};
  const phantom::DicomVolume scout{.stored = {at::ones({20, 20, 2}, at::kShort), scout_grid},
                                   .description = "T1 cor",
                                   .protocol = "T1",
                                   .series_number = 1,
                                   .study = "a",
                                   .series = "scout"};
  phantom::WriteDicomSlices(folder / "dicom" / "scout", scout, {});
  ExpectOutlinesOf(DicomOutlines(folder / "dicom", "P"), ReadDicomStations(folder / "dicom", "P"));
}

TEST(Outlines, AreNotGivenOfDicomThatLacksASlice) {
  const fs::path folder = testing::FreshFolder();
  testing::WriteDicomExam(folder, {});
  fs::remove(folder / "S101_b-1" / "IM00005.dcm");
  try {
    DicomOutlines(folder, "P");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("P: series 101 (T1): 1 of its slices is missing"));
  }
}

TEST(Outlines, FaultsOfSeveralFilesAreToldAtOnce) {
  const fs::path folder = testing::FreshFolder();
  testing::WriteNiftiExam(folder);
  WriteFileAtomically(folder / "T1_1.nii.gz", "");
  fs::resize_file(folder / "DWI_2_b50.nii.gz", 40);
  try {
    NiftiOutlines(folder, "P");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("T1_1.nii.gz: 0 bytes are too few for a NIfTI header"));
    EXPECT_THAT(error.what(), HasSubstr("DWI_2_b50.nii.gz"));
  }
}

}  // namespace
}  // namespace sap::preprocess
