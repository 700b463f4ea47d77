// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/stations.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "phantom/stations_dicom.h"
#include "phantom/stations_scan.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/options.h"
#include "sap/image/volume_io.h"

namespace sap::phantom {
namespace {

using nlohmann::json;

constexpr const char* kRecordFile = "phantom_stations.yaml";
constexpr int kFormatVersion = 1;

std::string RecordText(PhantomOptions options, StationOptions stations) {
  options.output_dir = "";
  options.atlas = options.atlas.empty() ? "" : fs::path(options.atlas).filename().string();
  options.num_healthy = options.num_metastatic = 0;
  return fmt::format("# Made by sap-phantom, stations format {}.\n{}{}",
                     kFormatVersion,
                     OptionTable(options).Yaml(),
                     OptionTable(stations).Yaml());
}

void RequireOwnFolder(const fs::path& folder, const std::string& record) {
  if (!fs::exists(folder) || fs::is_empty(folder)) return;
  const fs::path file = folder / kRecordFile;
  SAP_REQUIRE(ErrorKind::kOption,
              fs::exists(file) && ReadFile(file) == record,
              "output_dir {}: is not empty and was not made with these options (see {}); choose a "
              "new folder, or repeat the options",
              folder.filename().string(),
              kRecordFile);
}

json StationJson(const ScannedStation& s) {
  const auto list = [](const XyzDouble& v) { return json{v.x, v.y, v.z}; };
  const Geometry& grid = s.image.geometry();
  json entry = {{"modality", s.diffusion ? "DWI" : "T1"},
                {"station", s.station_idx + 1},
                {"gain", s.gain},
                {"shift_mm", list(s.shift_mm)},
                {"size_vox", {grid.size_vox.x, grid.size_vox.y, grid.size_vox.z}},
                {"spacing_mm", list(grid.spacing_mm)},
                {"origin_lps_mm", list(grid.origin_mm)},
                {"direction", grid.direction}};
  if (s.diffusion) entry["b_s_per_mm2"] = s.b_s_per_mm2;
  return entry;
}

void WriteNifti(const fs::path& folder, const std::vector<ScannedStation>& stations) {
  for (const ScannedStation& s : stations) {
    const std::string name =
        s.diffusion ? fmt::format("DWI_{}_b{:g}.nii.gz", s.station_idx + 1, s.b_s_per_mm2)
                    : fmt::format("T1_{}.nii.gz", s.station_idx + 1);
    WriteVolume(folder / name, s.image);
  }
}

void WriteTruth(const fs::path& folder,
                const StationTruth& truth,
                const Body& body,
                const Findings& findings,
                bool metastatic,
                const std::vector<ScannedStation>& stations) {
  WriteFolderAtomically(folder, /*replace=*/true, [&](const fs::path& temporary) {
    WriteVolume(temporary / "T1.nii.gz", truth.t1);
    WriteVolume(temporary / "b1000.nii.gz", truth.b1000);
    WriteVolume(temporary / "ADC_um2_per_s.nii.gz", truth.adc_um2_per_s);
    WriteVolume(temporary / "skeleton.nii.gz", body.tissue.WithData(body.RegionsXYZ()));
    WriteVolume(temporary / "body.nii.gz", body.tissue.WithData(body.MaskXYZ()));
    if (metastatic) {
      WriteVolume(temporary / "GT.nii.gz", body.tissue.WithData(findings.LesionMaskXYZ()));
    }
    json record = json::array();
    for (const ScannedStation& s : stations) record.push_back(StationJson(s));
    WriteFileAtomically(temporary / "stations.json", json({{"stations", record}}).dump(2) + "\n");
  });
}

void WriteCase(const fs::path& root,
               const PhantomOptions& options,
               const StationOptions& stations,
               const Atlas& atlas,
               const PlannedCase& planned,
               std::size_t case_idx) {
  const auto seed = static_cast<uint64_t>(options.seed);
  const uint64_t subject = planned.subject_idx;
  const Body body =
      MakeBody(atlas, DrawShape(atlas, options.shape, seed, subject), options.spacing_mm);
  const int num_lesions = planned.metastatic ? DrawLesionCount(options.lesions, seed, subject) : 0;
  const Findings findings = PlaceFindings(body, options.lesions, num_lesions, seed, subject);
  const StationTruth truth = MakeTruth(body, findings, options.signal, seed, subject);
  const std::vector<ScannedStation> scanned =
      Scan(truth, options.signal, stations, seed, subject, planned.repeat_idx);
  WriteFolderAtomically(
      root / "input" / planned.case_id, /*replace=*/true, [&](const fs::path& temporary) {
        if (stations.format == StationFormat::kNifti) return WriteNifti(temporary, scanned);
        const Vendor vendor = stations.vendor.value_or(static_cast<Vendor>(case_idx % 4));
        WriteStationsAsDicom(
            temporary, scanned, planned.case_id, vendor, stations.variant, seed + subject);
      });
  // The truth comes last: where it is, the case is complete.
  WriteTruth(root / "truth" / planned.case_id, truth, body, findings, planned.metastatic, scanned);
}

}  // namespace

int WriteStationCohort(const PhantomOptions& options,
                       const StationOptions& stations,
                       const Atlas& atlas,
                       const std::function<void(const std::string& case_id)>& on_case) {
  SAP_CHECK(stations.format != StationFormat::kNone);
  const fs::path root = options.output_dir;
  const std::string record = RecordText(options, stations);
  RequireOwnFolder(root, record);
  for (const char* sub : {"input", "truth"}) CreateFolder(root / sub);
  WriteFileAtomically(root / kRecordFile, record);
  int num_written = 0;
  const std::vector<PlannedCase> cases = PlanCohort(options);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!fs::exists(root / "truth" / cases[i].case_id / "stations.json")) {
      WriteCase(root, options, stations, atlas, cases[i], i);
      ++num_written;
    }
    if (on_case) on_case(cases[i].case_id);
  }
  return num_written;
}

}  // namespace sap::phantom
