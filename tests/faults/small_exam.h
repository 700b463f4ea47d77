// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "phantom/dicom_writer.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "support/run_program.h"
#include "support/station_phantom.h"

// Exams of few T1 and diffusion stations, coarse enough that sap-preprocess takes a second for
// each, and the command that runs it.
namespace sap::testing {

struct ExamVolume {
  Volume image;  // int16
  int station = 1;
  std::optional<double> b_s_per_mm2;  // none: T1
};

inline std::vector<ExamVolume> SmallExam(double gain, uint64_t seed, int num_stations = 2) {
  std::vector<ExamVolume> volumes;
  const auto t1 = StationGrids(num_stations, {50, 34, 26}, {8, 8, 8}, 4, -192);
  const auto dwi = StationGrids(num_stations, {45, 30, 18}, {9, 9, 12}, 3, -192);
  const auto add = [&](const Volume& image, int station, std::optional<double> b) {
    volumes.push_back({image.WithData(image.data().round().to(at::kShort)), station, b});
  };
  for (std::size_t k = 0; k < t1.size(); ++k) {
    const int station = static_cast<int>(k) + 1;
    const double station_gain = gain * (1 + 0.2 * static_cast<double>(k));
    add(SamplePhantom(t1[k], PhantomT1, {.gain = station_gain, .noise_sd = 8, .seed = seed + k}),
        station,
        {});
    for (const double b : {50.0, 1000.0}) {
      add(SamplePhantom(dwi[k],
                        [b](const XyzDouble& p) { return PhantomDwi(p, b); },
                        {.gain = 4 * station_gain, .noise_sd = 4, .seed = seed + 10 + k}),
          station,
          b);
    }
  }
  return volumes;
}

inline void WriteNiftiExam(const fs::path& folder,
                           double gain = 1,
                           uint64_t seed = 1,
                           int num_stations = 2) {
  fs::create_directories(folder);
  for (const ExamVolume& v : SmallExam(gain, seed, num_stations)) {
    const std::string name = v.b_s_per_mm2
                                 ? fmt::format("DWI_{}_b{:g}.nii.gz", v.station, *v.b_s_per_mm2)
                                 : fmt::format("T1_{}.nii.gz", v.station);
    WriteVolume(folder / name, v.image);
  }
}

inline void WriteDicomExam(const fs::path& folder,
                           const phantom::DicomPatient& patient,
                           bool enhanced = false,
                           const std::string& description = "T1 cor",
                           uint64_t seed = 1) {
  for (const ExamVolume& v : SmallExam(1, seed)) {
    const bool t1 = !v.b_s_per_mm2;
    const int series = (t1 ? 100 : 200) + v.station;
    const phantom::DicomVolume volume{
        .stored = v.image,
        .description = t1 ? description : "DWIBS",
        .protocol = t1 ? "T1" : "DWI",
        .series_number = series,
        .study = "a",
        .series = fmt::format("series {} {:g}", series, v.b_s_per_mm2.value_or(-1)),
        .b_s_per_mm2 = v.b_s_per_mm2};
    const std::string name = fmt::format("S{}_b{:g}", series, v.b_s_per_mm2.value_or(-1));
    if (enhanced) {
      phantom::WriteEnhancedDicom(folder / (name + ".dcm"), {volume}, patient);
    } else {
      phantom::WriteDicomSlices(folder / name, volume, patient);
    }
  }
}

inline std::vector<std::string> PreprocessCommand(const fs::path& input,
                                                  const fs::path& output,
                                                  const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {
      "sap-preprocess", "--input_dir", input.string(), "--output_dir", output.string()};
  for (const char* setting :
       {"spacing=8", "bias.iterations=[5]", "denoise.iterations=2", "register_to_t1.estimate=8"}) {
    command.insert(command.end(), {"--set", setting});
  }
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

}  // namespace sap::testing
