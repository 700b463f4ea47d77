// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/stations.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "phantom/stations_scan.h"
#include "phantom_fixture.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/parallel.h"
#include "sap/image/orient.h"
#include "sap/image/resample.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/dicom_series.h"
#include "sap/preprocess/nifti_stations.h"
#include "support/shared_folder.h"

namespace sap::phantom {
namespace {

using ::testing::HasSubstr;

PhantomOptions SmallCohort(const fs::path& folder) {
  PhantomOptions options;
  options.output_dir = folder.string();
  options.num_healthy = 1;
  options.num_metastatic = 0;
  options.seed = 5;
  options.spacing_mm = {8, 8, 8};
  return options;
}

StationOptions SmallStations(StationFormat format) {
  StationOptions options;
  options.format = format;
  options.count = 3;
  options.t1_spacing_mm = {9, 9, 10};
  options.dwi_spacing_mm = {9, 9, 12};
  options.b_s_per_mm2 = {0, 50, 1000};
  return options;
}

preprocess::StationSet WriteAndRead(const fs::path& root, const StationOptions& options) {
  WriteStationCohort(SmallCohort(root), options, TestAtlas(), nullptr);
  const fs::path patient = root / "input" / "H001";
  return options.format == StationFormat::kDicom ? preprocess::ReadDicomStations(patient, "H001")
                                                 : preprocess::ReadNiftiStations(patient, "H001");
}

std::string RoundTripDifference(const preprocess::StationSet& want,
                                const preprocess::StationSet& got) {
  if (want.stations.size() != got.stations.size()) return "another number of stations";
  for (const preprocess::Station& w : want.stations) {
    const auto same = std::find_if(got.stations.begin(), got.stations.end(), [&](const auto& g) {
      return g.modality == w.modality && g.station_idx == w.station_idx &&
             g.b_s_per_mm2 == w.b_s_per_mm2;
    });
    if (same == got.stations.end()) return "a station is missing";
    const std::string grid = same->image.geometry().DifferenceFrom(w.image.geometry(), 1e-3);
    if (!grid.empty()) return grid;
    if (!at::equal(same->image.data(), w.image.data())) return "other voxels";
  }
  return "";
}

TEST(StationsRoundTrip, DicomOfEveryVendorReadsBackAsTheNiftiStations) {
  const fs::path root = testing::FreshFolder();
  const auto nifti = WriteAndRead(root / "nifti", SmallStations(StationFormat::kNifti));
  ASSERT_EQ(nifti.stations.size(), 3U + 3U * 3U);
  StationOptions options = SmallStations(StationFormat::kDicom);
  for (const auto& [vendor, name] : EnumNames<Vendor>::kNames) {
    options.vendor = vendor;
    const auto dicom = WriteAndRead(root / std::string(name), options);
    EXPECT_EQ(RoundTripDifference(nifti, dicom), "") << name;
    EXPECT_THAT(dicom.notices, ::testing::Contains(HasSubstr("derived map (ADC)"))) << name;
  }
  options.vendor.reset();
  options.variant = DicomVariant::kEnhanced;
  EXPECT_EQ(RoundTripDifference(nifti, WriteAndRead(root / "enhanced", options)), "");
}

TEST(StationsRoundTrip, TheMissingSliceVariantIsRefusedByPosition) {
  const fs::path root = testing::FreshFolder() / "x";
  StationOptions options = SmallStations(StationFormat::kDicom);
  options.variant = DicomVariant::kMissingSlice;
  try {
    WriteAndRead(root, options);
    FAIL() << "read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("H001: series 101 (T1): 1 of its slices is missing"));
  }
}

// What stations.json says about a station, undone on its noise-free image, gives the truth.
TEST(Stations, TheRecordedShiftAndGainLeadBackToTheTruth) {
  const fs::path root = testing::FreshFolder() / "x";
  PhantomOptions cohort = SmallCohort(root);
  cohort.signal.noise_frac = cohort.signal.bias_frac = 0;
  WriteStationCohort(cohort, SmallStations(StationFormat::kNifti), TestAtlas(), nullptr);
  const fs::path truth = root / "truth" / "H001";
  const auto record = nlohmann::json::parse(ReadFile(truth / "stations.json"));
  ASSERT_EQ(record["stations"].size(), 12U);
  double most_gain = 0;
  for (const auto& entry : record["stations"]) {
    const bool t1 = entry["modality"] == "T1";
    if (!t1 && entry["b_s_per_mm2"] != 1000.0) continue;
    const std::string name = fmt::format("{}_{}{}.nii.gz",
                                         entry["modality"].get<std::string>(),
                                         entry["station"].get<int>(),
                                         t1 ? "" : "_b1000");
    const Volume station = ReadVolume(root / "input" / "H001" / name);
    Geometry seen = station.geometry();
    for (std::size_t a = 0; a < 3; ++a) seen.origin_mm[a] += entry["shift_mm"][a].get<double>();
    const Volume want = Resample(
        ReadVolume(truth / (t1 ? "T1.nii.gz" : "b1000.nii.gz")), seen, Interpolation::kLinear);
    const double gain = entry["gain"];
    most_gain = std::max(most_gain, std::abs(std::log(gain)));
    EXPECT_LT((station.data() - gain * want.data()).abs().max().item<double>(), 0.51) << name;
  }
  EXPECT_GT(most_gain, 0.01);
}

TEST(Stations, TheAdcOfTheTruthIsTheSlopeOfTheLogSignal) {
  const fs::path root = testing::FreshFolder() / "x";
  PhantomOptions cohort = SmallCohort(root);
  cohort.signal.noise_frac = 0;  // gain and bias are the same for all b-values
  const StationOptions options = SmallStations(StationFormat::kNifti);
  WriteStationCohort(cohort, options, TestAtlas(), nullptr);
  const auto record =
      nlohmann::json::parse(ReadFile(root / "truth" / "H001" / "stations.json"))["stations"];
  const Volume b0 = ReadVolume(root / "input/H001/DWI_2_b0.nii.gz");
  const Volume b1000 = ReadVolume(root / "input/H001/DWI_2_b1000.nii.gz");
  Geometry seen = b0.geometry();
  for (const auto& entry : record) {
    if (entry["modality"] != "DWI" || entry["station"] != 2) continue;
    for (std::size_t a = 0; a < 3; ++a) {
      seen.origin_mm[a] = b0.geometry().origin_mm[a] + entry["shift_mm"][a].get<double>();
    }
  }
  const Volume truth =
      Resample(ReadVolume(root / "truth/H001/ADC_um2_per_s.nii.gz"), seen, Interpolation::kLinear);
  const Tensor enough = b1000.data() > 60;  // rounding to whole numbers is 1 % below
  ASSERT_GT(enough.sum().item<int64_t>(), 500);
  const Tensor adc = (b0.data() / b1000.data()).log() * 1000;
  EXPECT_LT((adc - truth.data()).abs().masked_select(enough).max().item<double>(), 15);
}

TEST(Stations, NeighboursShareTheOverlapAndCoverTheBody) {
  const fs::path root = testing::FreshFolder() / "x";
  const StationOptions options = SmallStations(StationFormat::kNifti);
  const auto set = WriteAndRead(root, options);
  for (const char* modality : {preprocess::kT1, preprocess::kDwi}) {
    double top_before = 0;
    for (const std::size_t i : preprocess::IndicesOf(set.stations, modality)) {
      const auto& s = set.stations[i];
      if (s.b_s_per_mm2.value_or(0) != 0) continue;
      const Geometry& g = s.image.geometry();
      const double half = 0.5 * static_cast<double>(g.size_vox.z) * g.spacing_mm.z;
      const double centre = preprocess::CentreZMm(g);
      if (s.station_idx > 0) {
        EXPECT_NEAR(top_before - (centre - half), 60, 20) << modality;
      }
      top_before = centre + half;
    }
  }
}

TEST(Stations, TheSameOptionsGiveTheSameVoxelsForAnyNumberOfThreads) {
  const fs::path root = testing::FreshFolder();
  StationOptions options = SmallStations(StationFormat::kDicom);
  for (const int threads : {1, 2}) {
    SetNumThreads(threads);
    WriteStationCohort(SmallCohort(root / std::to_string(threads)), options, TestAtlas(), nullptr);
  }
  EXPECT_EQ(preprocess::HashOfContents(root / "1" / "input"),
            preprocess::HashOfContents(root / "2" / "input"));
}

TEST(Stations, CompletesItsOwnFolderAndRefusesAnother) {
  const fs::path root = testing::FreshFolder() / "x";
  StationOptions options = SmallStations(StationFormat::kNifti);
  EXPECT_EQ(WriteStationCohort(SmallCohort(root), options, TestAtlas(), nullptr), 1);
  EXPECT_EQ(WriteStationCohort(SmallCohort(root), options, TestAtlas(), nullptr), 0);
  options.shift_mm = 1;
  EXPECT_THROW(WriteStationCohort(SmallCohort(root), options, TestAtlas(), nullptr), Error);
}

}  // namespace
}  // namespace sap::phantom
