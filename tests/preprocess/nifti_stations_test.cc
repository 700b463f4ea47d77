// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/nifti_stations.h"

#include <cstring>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/dicom_series.h"
#include "support/shared_folder.h"

namespace sap::preprocess {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Volume Flat(double value, double z_mm = 0) {
  Geometry grid{{4, 5, 6}, {2, 2, 3}, {0, 0, z_mm}};
  return {at::full({4, 5, 6}, value, at::kFloat), grid};
}

std::string FaultOf(const fs::path& folder) {
  try {
    ReadNiftiStations(folder, "P");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> Found(const StationSet& set) {
  std::vector<std::string> lines;
  for (const Station& s : set.stations) {
    lines.push_back(fmt::format("{} {} {:g} {:g}",
                                s.modality,
                                s.station_idx,
                                s.b_s_per_mm2.value_or(-1),
                                s.image.data().mean().item<double>()));
  }
  return lines;
}

// Puts volumes of one grid behind each other by the bytes of their files: axis 4 is slowest.
void WriteSeries(const fs::path& file, const std::vector<Volume>& volumes) {
  std::string all;
  for (const Volume& v : volumes) {
    const fs::path one = file.parent_path() / "one.nii";
    WriteVolume(one, v);
    const std::string bytes = ReadFile(one);
    if (all.empty()) all = bytes.substr(0, 352);
    all += bytes.substr(352);
    fs::remove(one);
  }
  const int16_t dim[] = {4, 4, 5, 6, static_cast<int16_t>(volumes.size())};
  std::memcpy(all.data() + 40, dim, sizeof(dim));
  WriteFileAtomically(file, all);
}

TEST(NiftiStations, ReadsFlatNamesFoldersAndBValueFoldersAlike) {
  const fs::path flat = testing::FreshFolder() / "flat", tree = flat.parent_path() / "tree";
  for (const fs::path& root : {flat, tree}) CreateFolder(root);
  for (int k = 0; k < 2; ++k) {
    WriteVolume(flat / fmt::format("T1_{}.nii.gz", k + 1), Flat(k, 10 * k));
    WriteVolume(flat / fmt::format("DWI_{}_b50.nii.gz", k + 1), Flat(50 + k, 10 * k));
    WriteVolume(flat / fmt::format("DWI_{}_b1000.nii.gz", k + 1), Flat(100 + k, 10 * k));
    const char* name = k == 0 ? "feet.nii.gz" : "head.nii.gz";
    for (const char* sub : {"T1", "50", "1000"}) CreateFolder(tree / sub);
    WriteVolume(tree / "T1" / name, Flat(k, 10 * k));
    WriteVolume(tree / "50" / name, Flat(50 + k, 10 * k));
    WriteVolume(tree / "1000" / name, Flat(100 + k, 10 * k));
  }
  EXPECT_THAT(Found(ReadNiftiStations(flat, "P")),
              ::testing::UnorderedElementsAre("T1 0 -1 0",
                                              "T1 1 -1 1",
                                              "DWI 0 50 50",
                                              "DWI 1 50 51",
                                              "DWI 0 1000 100",
                                              "DWI 1 1000 101"));
  EXPECT_THAT(Found(ReadNiftiStations(tree, "P")),
              ::testing::UnorderedElementsAreArray(Found(ReadNiftiStations(flat, "P"))));
}

TEST(NiftiStations, SplitsAFourthAxisByBAndAveragesDirections) {
  const fs::path folder = testing::FreshFolder();
  CreateFolder(folder / "DWI");
  WriteSeries(folder / "DWI" / "a.nii", {Flat(9), Flat(2), Flat(30), Flat(4), Flat(50)});
  WriteFileAtomically(folder / "DWI" / "a.bval", "0 998 50 1002 50\n");
  WriteFileAtomically(folder / "DWI" / "a.bvec", "0 1 0 0 1\n0 0 1 0 0\n0 0 0 1 0\n");
  EXPECT_THAT(Found(ReadNiftiStations(folder, "P")),
              ElementsAre("DWI 0 0 9", "DWI 0 50 40", "DWI 0 1000 3"));
}

TEST(NiftiStations, TakesTheBValueOfASidecarAndNothingElseOfIt) {
  const fs::path folder = testing::FreshFolder();
  WriteVolume(folder / "dwi_2.nii.gz", Flat(7));
  WriteFileAtomically(folder / "dwi_2.json",
                      R"({"DiffusionBValue": 800, "PatientName": "Quillfeather",
                          "SeriesDescription": "x"})");
  const StationSet set = ReadNiftiStations(folder, "P");
  EXPECT_THAT(Found(set), ElementsAre("DWI 0 800 7"));
  std::string said = ListNiftiStations(folder, "P");
  for (const std::string& notice : set.notices) said += notice;
  EXPECT_THAT(said, ::testing::Not(HasSubstr("Quillfeather")));
}

TEST(NiftiStations, LeavesOutDerivedMapsAndTheUnnamedWithANotice) {
  const fs::path folder = testing::FreshFolder();
  WriteVolume(folder / "T1_1.nii.gz", Flat(1));
  WriteVolume(folder / "ADC_1.nii.gz", Flat(1));
  WriteVolume(folder / "foo_1.nii.gz", Flat(1));
  WriteVolume(folder / "mDIXON_IP_1.nii.gz", Flat(2));
  const StationSet set = ReadNiftiStations(folder, "P");
  EXPECT_THAT(Found(set), ElementsAre("T1 0 -1 1"));
  EXPECT_THAT(
      set.notices,
      ::testing::UnorderedElementsAre(
          "ADC_1.nii.gz: left out: derived map (ADC)",
          "file 3 of 4 in order of path: left out: no rule names it; see configs/sequences.yaml",
          "mDIXON_IP_1.nii.gz: left out: T1 is taken from T1"));
  fs::remove(folder / "T1_1.nii.gz");
  EXPECT_THAT(Found(ReadNiftiStations(folder, "P")), ElementsAre("T1 0 -1 2"));
}

TEST(NiftiStations, RefusesWhatDoesNotFitTogether) {
  const fs::path folder = testing::FreshFolder();
  WriteSeries(folder / "DWI_1.nii", {Flat(1), Flat(2)});
  EXPECT_THAT(FaultOf(folder), HasSubstr("DWI_1.nii has no b-value; put a .bval file"));
  WriteFileAtomically(folder / "DWI_1.bval", "0 50 1000");
  EXPECT_THAT(FaultOf(folder), HasSubstr("holds 2 volumes and has 3 b-values"));
  WriteFileAtomically(folder / "DWI_1.bval", "0 x");
  EXPECT_THAT(FaultOf(folder), HasSubstr("entry 2 is no number"));
  WriteFileAtomically(folder / "DWI_1.bval", "0 -7");
  EXPECT_THAT(FaultOf(folder), HasSubstr("b-value -7"));
  WriteFileAtomically(folder / "DWI_1.bval", "0 50");
  WriteFileAtomically(folder / "DWI_1.bvec", "0 1 0");
  EXPECT_THAT(FaultOf(folder), HasSubstr("3 numbers for 2 b-values"));
  fs::remove(folder / "DWI_1.bvec");
  EXPECT_EQ(FaultOf(folder), "");
  WriteSeries(folder / "T1_1.nii", {Flat(1), Flat(2)});
  EXPECT_THAT(FaultOf(folder), HasSubstr("more than one volume"));
}

TEST(NiftiStations, ARealSeriesGivesTheSameStationsAsItsDicomFiles) {
  SAP_REQUIRE_SHARED(root, "data/dwi_dicom_ge");
  const fs::path shared = root / "reference";
  const fs::path folder = testing::FreshFolder();
  for (const char* end : {".nii", ".bval", ".bvec", ".json"}) {
    fs::copy_file(shared / (std::string("Ax_DWI_TENSOR_R2_1") + end),
                  folder / (std::string("Ax_DWI_TENSOR_R2_1") + end));
  }
  const StationSet from_nifti = ReadNiftiStations(folder, "P");
  ASSERT_EQ(from_nifti.stations.size(), 2U);
  const StationSet from_dicom = ReadDicomStations(root / "dicom", "P", {.min_slices = 2});
  ASSERT_EQ(from_dicom.stations.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const Station &a = from_nifti.stations[i], &b = from_dicom.stations[i];
    EXPECT_EQ(a.b_s_per_mm2, b.b_s_per_mm2);
    EXPECT_EQ(a.image.geometry().DifferenceFrom(b.image.geometry(), 1e-3), "");
    EXPECT_LT((a.image.data() - b.image.data()).abs().max().item<double>(), 1e-3);
  }
}

}  // namespace
}  // namespace sap::preprocess
