// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <gtest/gtest.h>

#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/adc.h"
#include "sap/preprocess/nifti_stations.h"
#include "support/peer_python.h"
#include "support/shared_folder.h"

// ADC of real series beside numpy.polyfit (preprocessing §6): read, split by b-value, fitted.
namespace sap::preprocess {
namespace {

// 0 where the peer finds the map right.
int Compare(const std::string& python,
            const std::string& kind,
            const fs::path& series,
            const fs::path& b_values,
            const Volume& adc) {
  const fs::path map = testing::FreshFolder() / "adc.nii";
  WriteVolume(map, adc);
  return testing::RunPeer(
      python,
      fmt::format(
          "adc_peer.py {} {} {} {}", kind, series.string(), b_values.string(), map.string()));
}

TEST(AdcPeer, NumPyFitsTheSameOnShellsOfRealSeries) {
  SAP_REQUIRE_SHARED(data, "data");
  SAP_REQUIRE_PEER(python, "nibabel");
  struct Series {
    const char* image;
    const char* b_values;
  };
  for (const Series& series :
       {Series{"dwi_dipy/small_64D.nii", "dwi_dipy/small_64D.bval"},
        Series{"dwi_dipy/small_25.nii.gz", "dwi_dipy/small_25.bval"},
        Series{"cord_sct_testing/dmri.nii.gz", "cord_sct_testing/bvals.txt"}}) {
    const fs::path folder = testing::FreshFolder() / fs::path(series.image).parent_path();
    fs::create_directories(folder / "DWI");
    const std::string name = fs::path(series.image).filename().string();
    fs::copy_file(data / series.image, folder / "DWI" / name);
    fs::copy_file(data / series.b_values,
                  folder / "DWI" / (name.substr(0, name.find('.')) + ".bval"));
    const StationSet set = ReadNiftiStations(folder, "P");
    std::vector<Tensor> signals_XYZ;
    std::vector<double> b_s_per_mm2;
    for (const Station& station : set.stations) {
      signals_XYZ.push_back(station.image.data());
      b_s_per_mm2.push_back(*station.b_s_per_mm2);
    }
    ASSERT_EQ(signals_XYZ.size(), 2U) << series.image;
    const Volume adc = set.stations[0].image.WithData(AdcUm2PerS(signals_XYZ, b_s_per_mm2));
    EXPECT_EQ(Compare(python, "shells", data / series.image, data / series.b_values, adc), 0);
  }
}

TEST(AdcPeer, NumPyFitsTheSameOnManyBValues) {
  SAP_REQUIRE_SHARED(data, "data/dwi_dipy");
  SAP_REQUIRE_PEER(python, "nibabel");
  std::istringstream text(ReadFile(data / "small_101D.bval"));
  std::vector<double> b_s_per_mm2;
  for (double b = 0; text >> b;) b_s_per_mm2.push_back(b);
  std::vector<Tensor> signals_XYZ;
  Geometry grid;
  ReadVolumeSeries(data / "small_101D.nii.gz", [&](int64_t, const Volume& volume) {
    signals_XYZ.push_back(volume.data().clone());
    grid = volume.geometry();
  });
  const Volume adc(AdcUm2PerS(signals_XYZ, b_s_per_mm2), grid);
  EXPECT_EQ(Compare(python, "each", data / "small_101D.nii.gz", data / "small_101D.bval", adc), 0);
}

}  // namespace
}  // namespace sap::preprocess
